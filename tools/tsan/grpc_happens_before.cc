// Tells the thread sanitizer what gRPC guarantees: an operation completes after it was
// started, and a message is read after it was written. Debian's gRPC is not instrumented,
// and hands both from thread to thread with atomics alone, which the sanitizer cannot
// see. Linked into each program of --config=tsan that has gRPC in it, where these
// definitions win over the library's.
#include <dlfcn.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpcpp/support/callback_common.h>
#include <sanitizer/tsan_interface.h>

namespace {

// Stands for the completions so far: a server is destroyed after those of its calls.
char completions;

template <typename Function>
Function* Library(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Within a process a channel passes the slices themselves on.
void ReleaseMessage(const grpc_op& op) {
  if (op.op != GRPC_OP_SEND_MESSAGE) return;
  const grpc_slice_buffer& slices =
      op.data.send_message.send_message->data.raw.slice_buffer;
  for (size_t i = 0; i < slices.count; ++i) {
    __tsan_release(GRPC_SLICE_START_PTR(slices.slices[i]));
  }
}

grpc_event Completed(const grpc_event& event) {
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

}  // namespace

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t nops,
                                      void* tag, void* reserved) {
  static const auto start = Library(grpc_call_start_batch, __func__);
  for (size_t i = 0; i < nops; ++i) ReleaseMessage(ops[i]);
  __tsan_release(tag);
  return start(call, ops, nops, tag, reserved);
}

int grpc_byte_buffer_reader_peek(grpc_byte_buffer_reader* reader, grpc_slice** slice) {
  static const auto peek = Library(grpc_byte_buffer_reader_peek, __func__);
  if (peek(reader, slice) == 0) return 0;
  __tsan_acquire(GRPC_SLICE_START_PTR(**slice));
  return 1;
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline,
                                      void* reserved) {
  static const auto next = Library(grpc_completion_queue_next, __func__);
  return Completed(next(queue, deadline, reserved));
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  static const auto pluck = Library(grpc_completion_queue_pluck, __func__);
  return Completed(pluck(queue, tag, deadline, reserved));
}

void grpc_server_destroy(grpc_server* server) {
  static const auto destroy = Library(grpc_server_destroy, __func__);
  __tsan_acquire(&completions);
  destroy(server);
}

}  // extern "C"

// The callback API completes by CallbackWith…Tag::StaticRun, which is private, and so
// defined under the linker's name of it.
void RunWithSuccess(grpc_completion_queue_functor* tag, int ok) __asm__(
    "_ZN4grpc8internal22CallbackWithSuccessTag9StaticRunEP29grpc_completion_queue_functor"
    "i");
void RunWithSuccess(grpc_completion_queue_functor* tag, int ok) {
  __tsan_acquire(tag);
  static_cast<grpc::internal::CallbackWithSuccessTag*>(tag)->Run(ok != 0);
  __tsan_release(&completions);
}

void RunWithStatus(grpc_completion_queue_functor* tag, int ok) __asm__(
    "_ZN4grpc8internal21CallbackWithStatusTag9StaticRunEP29grpc_completion_queue_"
    "functori");
void RunWithStatus(grpc_completion_queue_functor* tag, int ok) {
  __tsan_acquire(tag);
  static_cast<grpc::internal::CallbackWithStatusTag*>(tag)->Run(ok != 0);
  __tsan_release(&completions);
}
