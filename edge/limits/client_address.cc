#include "edge/limits/client_address.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"

namespace chatter::edge {
namespace {

using asio::ip::address;
using asio::ip::address_v6;

constexpr int kAllBits = 128;
constexpr int kMappedBits = 96;  // of ::ffff:0:0/96, which IPv4 addresses are mapped into

address_v6 ToV6(const address& any) {
  return any.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, any.to_v4())
                     : any.to_v6();
}

// Whether the bits behind the first ones are all 0.
bool EndsAt(const address_v6::bytes_type& bytes, int bits) {
  for (int i = bits; i < kAllBits; ++i) {
    if ((bytes[static_cast<size_t>(i / 8)] >> (7 - i % 8) & 1) != 0) return false;
  }
  return true;
}

bool StartsWith(const address_v6::bytes_type& bytes, const address_v6::bytes_type& prefix,
                int bits) {
  const auto whole = static_cast<size_t>(bits / 8);
  if (!std::equal(bytes.begin(), bytes.begin() + whole, prefix.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || bytes[whole] >> (8 - rest) == prefix[whole] >> (8 - rest);
}

std::optional<address> ParseAddress(absl::string_view text) {
  // A zone is of one machine only.
  if (text.find('%') != text.npos) return std::nullopt;
  asio::error_code error;
  const address parsed = asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return parsed;
}

// An element of X-Forwarded-For. Some proxies append the port, too.
std::optional<address> ParseHop(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (!text.empty() && text.front() == '[') {
    const size_t end = text.find(']');
    if (end == text.npos) return std::nullopt;
    return ParseAddress(text.substr(1, end - 1));
  }
  const size_t colon = text.find(':');
  if (colon != text.npos && text.find(':', colon + 1) == text.npos) {
    text = text.substr(0, colon);
  }
  return ParseAddress(text);
}

}  // namespace

ClientAddress ClientAddressOf(const address& any) {
  const address_v6 v6 = ToV6(any);
  const address_v6::bytes_type bytes = v6.to_bytes();
  // IPv4 addresses come to lie in ::/32, where nobody's IPv6 network is.
  const size_t begin = v6.is_v4_mapped() ? 12 : 0;
  const size_t end = v6.is_v4_mapped() ? 16 : 8;
  uint64_t number = 0;
  for (size_t i = begin; i < end; ++i) number = number << 8 | bytes[i];
  return ClientAddress{number};
}

absl::StatusOr<TrustedProxies::Network> TrustedProxies::ParseNetwork(
    const std::string& text) {
  const size_t slash = text.find('/');
  const std::optional<address> first = ParseAddress(text.substr(0, slash));
  if (!first.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no IP address and no network as 10.0.0.0/8"));
  }
  const int before = first->is_v4() ? kMappedBits : 0;
  int bits = kAllBits - before;
  if (slash != text.npos && (!absl::SimpleAtoi(text.substr(slash + 1), &bits) ||
                             bits < 0 || bits > kAllBits - before)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "' has a length that is not from 0 to ", kAllBits - before));
  }
  Network network{ToV6(*first).to_bytes(), before + bits};
  if (!EndsAt(network.first, network.bits)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no network, but an address in it"));
  }
  return network;
}

absl::StatusOr<TrustedProxies> TrustedProxies::Parse(
    const std::vector<std::string>& networks) {
  TrustedProxies proxies;
  for (const std::string& text : networks) {
    const absl::StatusOr<Network> network = ParseNetwork(text);
    if (!network.ok()) return network.status();
    proxies.networks_.push_back(*network);
  }
  return proxies;
}

bool TrustedProxies::Has(const address& any) const {
  if (networks_.empty()) return false;
  const Bytes bytes = ToV6(any).to_bytes();
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    return StartsWith(bytes, network.first, network.bits);
  });
}

std::optional<ClientAddress> TrustedProxies::ClientBehind(
    std::string_view forwarded_for) const {
  absl::string_view rest = AbslView(forwarded_for);
  while (true) {
    const size_t comma = rest.rfind(',');
    const std::optional<address> hop =
        ParseHop(comma == rest.npos ? rest : rest.substr(comma + 1));
    if (!hop.has_value()) return std::nullopt;
    if (comma == rest.npos || !Has(*hop)) return ClientAddressOf(*hop);
    rest = rest.substr(0, comma);
  }
}

}  // namespace chatter::edge
