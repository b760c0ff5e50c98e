#include "services/chat/testing/test_edge.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/chat/testing/describe.h"

namespace chatter::chat {

TestEdge::TestEdge(v1::EdgeService::Stub& stub) {
  context_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  stream_ = stub.Attach(&context_);
}

TestEdge::~TestEdge() {
  if (ended_) return;
  context_.TryCancel();
  v1::ChatBatch batch;
  while (stream_->Read(&batch)) {
  }
  stream_->Finish();
}

void TestEdge::Hello(uint64_t session, const std::string& token) {
  v1::EdgeBatch batch;
  v1::EdgeEvent& event = *batch.add_events();
  event.set_session(session);
  event.mutable_frame()->mutable_hello()->set_token(token);
  Write(batch);
}

void TestEdge::Send(uint64_t session, const std::string& to, const std::string& text,
                    const std::string& client_id, const std::string& from) {
  v1::EdgeBatch batch;
  v1::EdgeEvent& event = *batch.add_events();
  event.set_session(session);
  v1::Send& send = *event.mutable_frame()->mutable_send();
  send.set_to(to);
  send.set_text(text);
  send.set_client_id(client_id);
  send.set_from(from);
  Write(batch);
}

void TestEdge::End(uint64_t session) {
  v1::EdgeBatch batch;
  v1::EdgeEvent& event = *batch.add_events();
  event.set_session(session);
  event.mutable_end();
  Write(batch);
}

std::string TestEdge::Next() {
  while (next_ >= batch_.deliveries_size()) {
    next_ = 0;
    if (!stream_->Read(&batch_)) {
      ended_ = true;
      return absl::StrCat("end: ", static_cast<int>(stream_->Finish().error_code()));
    }
  }
  last_ = batch_.deliveries(next_++);
  return Describe(last_);
}

}  // namespace chatter::chat
