#include "services/chat/chat_service.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/grpc_status.h"
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

ChatServiceImpl::ChatServiceImpl(storage::Storage& storage, Authenticator& authenticator,
                                 BlockingPool& pool, const SessionServices& services,
                                 int messages_limit)
    : storage_(storage),
      authenticator_(authenticator),
      pool_(pool),
      services_(services),
      messages_limit_(messages_limit) {}

void ChatServiceImpl::WithCaller(grpc::CallbackServerContext* context,
                                 grpc::ServerUnaryReactor* reactor,
                                 absl::AnyInvocable<void(UserRef)> call) {
  if (stopping()) {
    reactor->Finish(ToGrpc(Stopping()));
    return;
  }
  authenticator_.Authenticate(
      *context, [reactor, call = std::move(call)](absl::StatusOr<UserRef> user) mutable {
        if (user.ok()) {
          call(*std::move(user));
        } else {
          reactor->Finish(ToGrpc(user.status()));
        }
      });
}

void ChatServiceImpl::Blocking(grpc::ServerUnaryReactor* reactor,
                               absl::AnyInvocable<absl::Status()> call) {
  auto run = [reactor, call = std::move(call)]() mutable {
    reactor->Finish(ToGrpc(call()));
  };
  if (!pool_.TryRun(std::move(run))) {
    reactor->Finish(
        ToGrpc(absl::ResourceExhaustedError("Too many requests wait; try again soon")));
  }
}

grpc::ServerUnaryReactor* ChatServiceImpl::CreateUser(
    grpc::CallbackServerContext* context, const v1::CreateUserRequest* request,
    v1::CreateUserResponse* /*response*/) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  storage::Account account{request->username(), request->user_group()};
  absl::Status status = authenticator_.CheckMayCreateUsers(*context);
  if (status.ok() && stopping()) status = Stopping();
  if (status.ok()) status = CheckAccount(account);
  if (!status.ok()) {
    reactor->Finish(ToGrpc(status));
    return reactor;
  }
  Blocking(reactor, [this, account = std::move(account)] {
    return storage_.CreateUser(account).status();
  });
  return reactor;
}

grpc::ServerUnaryReactor* ChatServiceImpl::IssueToken(
    grpc::CallbackServerContext* context, const v1::IssueTokenRequest* /*request*/,
    v1::IssueTokenResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  WithCaller(context, reactor, [this, reactor, response](UserRef caller) {
    response->set_username(caller->name);
    services_.tokens.Issue(
        *caller, [reactor, response](absl::StatusOr<IssuedToken> issued) {
          if (issued.ok()) {
            response->set_token(std::move(issued->token));
            FillTimestamp(issued->expires, *response->mutable_expires());
          }
          reactor->Finish(ToGrpc(issued.status()));
        });
  });
  return reactor;
}

grpc::ServerUnaryReactor* ChatServiceImpl::SendMessage(
    grpc::CallbackServerContext* context, const v1::SendMessageRequest* request,
    v1::SendMessageResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  WithCaller(context, reactor, [this, reactor, request, response](UserRef caller) {
    if (const std::optional<Refusal> refusal = CheckSend(request->send(), caller->name);
        refusal.has_value()) {
      reactor->Finish(ToGrpc(ToStatus(*refusal)));
      return;
    }
    v1::Send frame = request->send();
    PendingSend send = MakePendingSend(frame, std::move(caller));
    send.done = [reactor, response](absl::StatusOr<v1::Message> message) {
      if (message.ok()) *response->mutable_message() = *std::move(message);
      reactor->Finish(ToGrpc(message.status()));
    };
    services_.append_queue.Submit(std::move(send));
  });
  return reactor;
}

grpc::ServerUnaryReactor* ChatServiceImpl::ListMessages(
    grpc::CallbackServerContext* context, const v1::ListMessagesRequest* request,
    v1::ListMessagesResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  WithCaller(context, reactor, [this, reactor, request, response](UserRef caller) {
    Blocking(reactor, [this, caller = std::move(caller), request, response] {
      return ReadMessages(*caller, *request, *response);
    });
  });
  return reactor;
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

grpc::ServerUnaryReactor* ChatServiceImpl::ListConnections(
    grpc::CallbackServerContext* context, const v1::ListConnectionsRequest* request,
    v1::ListConnectionsResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  WithCaller(context, reactor, [this, reactor, request, response](UserRef caller) {
    Blocking(reactor, [this, caller = std::move(caller), request, response] {
      return ReadConnections(*caller, *request, *response);
    });
  });
  return reactor;
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

grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>* ChatServiceImpl::Connect(
    grpc::CallbackServerContext* context) {
  std::shared_ptr<ConnectStream> stream =
      ConnectStream::Make(services_, context, [this](ConnectStream* gone) {
        absl::MutexLock lock(&mutex_);
        streams_.erase(gone);
      });
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) {
      refused = Stopping();
    } else if (streams_.size() >= kMaxConnectStreams) {
      refused = absl::ResourceExhaustedError("There are 10,000 Connect streams already");
    }
    streams_.emplace(stream.get(), stream);
  }
  ConnectStream* const reactor = stream.get();
  if (!refused.ok()) {
    stream->OnAuthenticated(refused);
  } else {
    authenticator_.Authenticate(
        *context, [stream = std::move(stream)](absl::StatusOr<UserRef> user) {
          stream->OnAuthenticated(std::move(user));
        });
  }
  return reactor;
}

bool ChatServiceImpl::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

std::vector<std::shared_ptr<ConnectStream>> ChatServiceImpl::Streams() {
  std::vector<std::shared_ptr<ConnectStream>> streams;
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, stream] : streams_) streams.push_back(stream);
  return streams;
}

void ChatServiceImpl::StopAccepting() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (const auto& stream : Streams()) stream->StopReading();
}

void ChatServiceImpl::EndStreams(absl::Duration patience) {
  for (const auto& stream : Streams()) stream->End();
  const auto all_gone = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return streams_.empty();
  };
  {
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&all_gone), patience)) return;
  }
  for (const auto& stream : Streams()) stream->Cancel();
}

}  // namespace chatter::chat
