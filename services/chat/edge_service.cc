#include "services/chat/edge_service.h"

#include <memory>

namespace chatter::chat {
namespace {

// An edge has one for each of its threads.
constexpr size_t kMaxStreams = 1024;

}  // namespace

EdgeServiceImpl::EdgeServiceImpl(RpcLoop& loop, const SessionServices& services)
    : streams_(
          loop, services.metrics.attach, kMaxStreams,
          [&loop, &services] { return std::make_shared<AttachStream>(loop, services); },
          [this, &loop](AttachStream& stream, CompletionTag& tag) {
            service_.RequestAttach(&stream.context(), &stream.rpc(), loop.queue(),
                                   loop.queue(), &tag);
          }) {}

}  // namespace chatter::chat
