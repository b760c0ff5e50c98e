// Whose a connection is, as far as limits count it.
#ifndef CHATTER_EDGE_LIMITS_CLIENT_ADDRESS_H_
#define CHATTER_EDGE_LIMITS_CLIENT_ADDRESS_H_

#include <array>
#include <asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace chatter::edge {

// What is counted as one: an IPv4 address, or the /64 network of an IPv6 one, all of
// which is one customer's.
enum class ClientAddress : uint64_t {};
// Nobody's, as it is a multicast network.
inline constexpr ClientAddress kNoAddress{~uint64_t{0}};

ClientAddress ClientAddressOf(const asio::ip::address& address);

// TRUSTED_PROXIES: whose word on where a request comes from is believed. Immutable.
class TrustedProxies {
 public:
  // None.
  TrustedProxies() = default;
  // Addresses and networks: "192.0.2.1", "10.0.0.0/8", "2001:db8::/32".
  // kInvalidArgument, which names the wrong one.
  static absl::StatusOr<TrustedProxies> Parse(const std::vector<std::string>& networks);

  bool Has(const asio::ip::address& address) const;

  // For a request of a trusted proxy: where it comes from, by its X-Forwarded-For, to
  // which each proxy appends the address that it was asked from. The rightmost one that
  // is no trusted proxy; further to the left is what anybody may have written. When all
  // are trusted, the leftmost. nullopt: there is none, or something else is in its place.
  std::optional<ClientAddress> ClientBehind(std::string_view forwarded_for) const;

 private:
  using Bytes = asio::ip::address_v6::bytes_type;
  struct Network {
    Bytes first;
    int bits;
  };

  static absl::StatusOr<Network> ParseNetwork(const std::string& text);

  std::vector<Network> networks_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LIMITS_CLIENT_ADDRESS_H_
