#include "services/chat/chat_service.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/log.h"
#include "services/base/protocol.h"
#include "services/chat/accounts.h"
#include "services/chat/send.h"
#include "services/chat/timestamps.h"

namespace chatter::chat {
namespace {

constexpr size_t kMaxConnectStreams = 10'000;
constexpr int kConnectionsPageSize = 1000;
// A page ends early when it has this many bytes of text.
constexpr size_t kPageBytes = 1 << 20;
// Messages are read in parts, so that one page of large ones stays small in memory.
constexpr int kReadPart = 200;

absl::Status Stopping() { return absl::UnavailableError("The chat service stops"); }

// Page tokens: the direction and the last position seen.
std::string OlderToken(int64_t seq) { return absl::StrCat("b", seq); }
std::string NewerToken(int64_t seq) { return absl::StrCat("a", seq); }

absl::Status ApplyPageToken(absl::string_view token, storage::HistoryQuery& query) {
  int64_t seq;
  if (token.size() < 2 || !absl::SimpleAtoi(token.substr(1), &seq) || seq < 0 ||
      (token[0] != 'a' && token[0] != 'b')) {
    return absl::InvalidArgumentError("The page token is not one of this service");
  }
  if (token[0] == 'a') {
    query.after_seq = seq;
  } else {
    query.before_seq = seq;
  }
  return absl::OkStatus();
}

absl::StatusOr<storage::HistoryQuery> MakeQuery(const v1::ListMessagesRequest& request) {
  storage::HistoryQuery query;
  const int bounds = (request.before_id() != 0) + (request.before_seq() != 0) +
                     (request.after_seq() != 0) + !request.page_token().empty();
  if (bounds > 1) {
    return absl::InvalidArgumentError(
        "At most one of page_token, before_id, before_seq and after_seq can be given");
  }
  if (request.page_size() < 0 || request.before_id() < 0 || request.before_seq() < 0 ||
      request.after_seq() < 0 || request.skip() < 0) {
    return absl::InvalidArgumentError("Sizes and positions are not negative");
  }
  if (request.skip() != 0 &&
      (request.after_seq() != 0 || !request.page_token().empty())) {
    return absl::InvalidArgumentError(
        "skip cannot be given with after_seq or page_token");
  }
  if (!request.page_token().empty()) {
    const absl::Status status = ApplyPageToken(request.page_token(), query);
    if (!status.ok()) return status;
  }
  if (request.before_id() != 0) query.before_id = request.before_id();
  if (request.before_seq() != 0) query.before_seq = request.before_seq();
  if (request.after_seq() != 0) query.after_seq = request.after_seq();
  query.skip = request.skip();
  return query;
}

void FillMessage(storage::Message& from, const storage::User& caller, v1::Message& to) {
  to.set_conversation(from.conversation);
  to.set_seq(from.seq);
  to.set_id(from.id);
  if (from.sender == caller.name) to.set_client_id(std::move(from.client_id));
  to.set_from(std::move(from.sender));
  to.set_to(std::move(from.recipient));
  to.set_text(std::move(from.text));
  to.set_image_path(std::move(from.image_path));
  FillTimestamp(from.created, *to.mutable_created());
}

// Reads on from `query` in its direction: at most `limit` messages, and not much more
// than kPageBytes. In the order in which they are met.
absl::StatusOr<std::vector<storage::Message>> ReadPage(storage::Storage& storage,
                                                       storage::HistoryQuery query,
                                                       size_t limit) {
  const bool newer = query.after_seq.has_value();
  std::vector<storage::Message> page;
  size_t bytes = 0;
  while (page.size() < limit && bytes < kPageBytes) {
    query.limit = static_cast<int>(std::min<size_t>(kReadPart, limit - page.size()));
    absl::StatusOr<std::vector<storage::Message>> part = storage.ReadHistory(query);
    if (!part.ok()) return part.status();
    if (!newer) std::reverse(part->begin(), part->end());
    for (storage::Message& message : *part) {
      if (bytes >= kPageBytes) break;
      bytes += message.text.size() + message.image_path.size();
      page.push_back(std::move(message));
    }
    if (part->size() < static_cast<size_t>(query.limit)) break;
    query.before_id.reset();
    query.skip = 0;
    (newer ? query.after_seq : query.before_seq) = page.back().seq;
  }
  return page;
}

}  // namespace

ChatServiceImpl::ChatServiceImpl(RpcLoop& loop, storage::Storage& storage,
                                 Authenticator& authenticator, BlockingPool& pool,
                                 const SessionServices& services, int messages_limit)
    : storage_(storage),
      authenticator_(authenticator),
      pool_(pool),
      services_(services),
      messages_limit_(messages_limit),
      create_user_(loop, "CreateUser", services.metrics.create_user, service_,
                   &Service::RequestCreateUser, [this](auto& call) { CreateUser(call); }),
      issue_token_(loop, "IssueToken", services.metrics.issue_token, service_,
                   &Service::RequestIssueToken, [this](auto& call) { IssueToken(call); }),
      send_message_(loop, "SendMessage", services.metrics.send_message, service_,
                    &Service::RequestSendMessage,
                    [this](auto& call) { SendMessage(call); }),
      list_messages_(loop, "ListMessages", services.metrics.list_messages, service_,
                     &Service::RequestListMessages,
                     [this](auto& call) { ListMessages(call); }),
      list_connections_(loop, "ListConnections", services.metrics.list_connections,
                        service_, &Service::RequestListConnections,
                        [this](auto& call) { ListConnections(call); }),
      connect_(
          loop, services.metrics.connect, kMaxConnectStreams,
          [this, &loop] {
            return std::make_shared<ConnectStream>(loop, services_, authenticator_);
          },
          [this, &loop](ConnectStream& stream, CompletionTag& tag) {
            service_.RequestConnect(&stream.context(), &stream.rpc(), loop.queue(),
                                    loop.queue(), &tag);
          }) {}

void ChatServiceImpl::Start() {
  create_user_.AcceptNext();
  issue_token_.AcceptNext();
  send_message_.AcceptNext();
  list_messages_.AcceptNext();
  list_connections_.AcceptNext();
  connect_.AcceptNext();
}

void ChatServiceImpl::StopAccepting() {
  stopping_ = true;
  connect_.StopReading();
}

template <typename Call, typename Work>
void ChatServiceImpl::WithCaller(Call& call, Work work) {
  if (stopping_) return call.Finish(Stopping());
  authenticator_.Authenticate(call.context(), [&call, work = std::move(work)](
                                                  absl::StatusOr<UserRef> user) mutable {
    if (!user.ok()) return call.Finish(user.status());
    work(*std::move(user));
  });
}

template <typename Call>
void ChatServiceImpl::Blocking(Call& call, absl::AnyInvocable<absl::Status()> work) {
  auto run = [&call, work = std::move(work)]() mutable {
    absl::Status status;
    {
      // The id goes with the call, which Finish lets go.
      const RequestScope scope(call.request_id());
      status = work();
    }
    call.Finish(status);
  };
  if (!pool_.TryRun(std::move(run))) {
    services_.metrics.refusals.Add(error_code::kOverloaded);
    call.Finish(absl::ResourceExhaustedError("Too many requests wait; try again soon"));
  }
}

void ChatServiceImpl::CreateUser(CreateUserMethod::Call& call) {
  storage::Account account{call.request().username(), call.request().user_group()};
  absl::Status status = authenticator_.CheckMayCreateUsers(call.context());
  if (status.ok() && stopping_) status = Stopping();
  if (status.ok()) status = CheckAccount(account);
  if (!status.ok()) return call.Finish(status);
  Blocking(call, [this, account = std::move(account)] {
    return storage_.CreateUser(account).status();
  });
}

void ChatServiceImpl::IssueToken(IssueTokenMethod::Call& call) {
  WithCaller(call, [this, &call](UserRef caller) {
    call.response().set_username(caller->name);
    services_.tokens.Issue(*caller, [&call](absl::StatusOr<IssuedToken> issued) {
      if (issued.ok()) {
        call.response().set_token(std::move(issued->token));
        FillTimestamp(issued->expires, *call.response().mutable_expires());
      }
      call.Finish(issued.status());
    });
  });
}

void ChatServiceImpl::SendMessage(SendMessageMethod::Call& call) {
  WithCaller(call, [this, &call](UserRef caller) {
    const v1::Send& request = call.request().send();
    std::optional<Refusal> refusal = CheckSend(request, caller->name);
    if (!refusal.has_value()) refusal = services_.message_rate.Count(*caller);
    if (refusal.has_value()) {
      services_.metrics.refusals.Add(refusal->code);
      return call.Finish(ToStatus(*refusal));
    }
    v1::Send frame = request;
    PendingSend send = MakePendingSend(frame, std::move(caller));
    send.done = [&call](absl::StatusOr<v1::Message> message) {
      if (message.ok()) *call.response().mutable_message() = *std::move(message);
      call.Finish(message.status());
    };
    services_.append_queue.Submit(std::move(send));
  });
}

void ChatServiceImpl::ListMessages(ListMessagesMethod::Call& call) {
  WithCaller(call, [this, &call](UserRef caller) {
    Blocking(call, [this, caller = std::move(caller), &call] {
      return ReadMessages(*caller, call.request(), call.response());
    });
  });
}

absl::Status ChatServiceImpl::ReadMessages(const storage::User& caller,
                                           const v1::ListMessagesRequest& request,
                                           v1::ListMessagesResponse& response) {
  if (request.has_user() && request.user() != caller.name) {
    return absl::PermissionDeniedError("One reads one's own messages");
  }
  absl::StatusOr<storage::HistoryQuery> query = MakeQuery(request);
  if (!query.ok()) return query.status();
  const absl::StatusOr<std::vector<bool>> known = services_.users.Exist({request.with()});
  if (!known.ok()) return known.status();
  if (!known->front()) return absl::NotFoundError("There is no user with this name");

  query->user = caller.name;
  query->with = request.with();
  const size_t limit = static_cast<size_t>(
      request.page_size() == 0 ? messages_limit_
                               : std::min(request.page_size(), messages_limit_));
  response.set_page_size(static_cast<int32_t>(limit));
  absl::StatusOr<std::vector<storage::Message>> page = ReadPage(storage_, *query, limit);
  if (!page.ok()) return page.status();
  if (page->empty()) return absl::OkStatus();

  const int64_t last = page->back().seq;
  if (!query->after_seq.has_value()) {
    if (last > 1) response.set_next_page_token(OlderToken(last));
    std::reverse(page->begin(), page->end());
  } else {
    query->after_seq = last;
    query->limit = 1;
    const absl::StatusOr<std::vector<storage::Message>> next =
        storage_.ReadHistory(*query);
    if (!next.ok()) return next.status();
    if (!next->empty()) response.set_next_page_token(NewerToken(last));
  }
  response.mutable_messages()->Reserve(static_cast<int>(page->size()));
  for (storage::Message& message : *page) {
    FillMessage(message, caller, *response.add_messages());
  }
  return absl::OkStatus();
}

void ChatServiceImpl::ListConnections(ListConnectionsMethod::Call& call) {
  WithCaller(call, [this, &call](UserRef caller) {
    Blocking(call, [this, caller = std::move(caller), &call] {
      return ReadConnections(*caller, call.request(), call.response());
    });
  });
}

absl::Status ChatServiceImpl::ReadConnections(const storage::User& caller,
                                              const v1::ListConnectionsRequest& request,
                                              v1::ListConnectionsResponse& response) {
  std::string after;
  if (request.page_size() < 0 ||
      !absl::WebSafeBase64Unescape(request.page_token(), &after)) {
    return absl::InvalidArgumentError("The page size or token is not valid");
  }
  const int limit = request.page_size() == 0
                        ? kConnectionsPageSize
                        : std::min(request.page_size(), kConnectionsPageSize);
  absl::StatusOr<std::vector<storage::User>> users =
      storage_.ListGroup(caller.group, after, limit);
  if (!users.ok()) return users.status();
  std::vector<std::string_view> names;
  names.reserve(users->size());
  for (const storage::User& user : *users) names.push_back(user.name);
  const std::vector<bool> online = services_.registry.AreOnline(names);
  for (size_t i = 0; i < names.size(); ++i) {
    v1::Connection& connection = *response.add_connections();
    connection.set_username(std::string(names[i]));
    connection.set_active(online[i]);
  }
  if (names.size() == static_cast<size_t>(limit)) {
    response.set_next_page_token(absl::WebSafeBase64Escape(users->back().name));
  }
  return absl::OkStatus();
}

}  // namespace chatter::chat
