#ifndef CHATTER_SERVICES_BASE_COMPLETION_TAG_H_
#define CHATTER_SERVICES_BASE_COMPLETION_TAG_H_

#include <utility>

#include "absl/functional/any_invocable.h"

namespace chatter {

// What a completion queue hands back when an operation has ended. Lives at least as long
// as the operation; one operation at a time.
class CompletionTag {
 public:
  explicit CompletionTag(absl::AnyInvocable<void(bool ok)> run) : run_(std::move(run)) {}
  CompletionTag(const CompletionTag&) = delete;
  CompletionTag& operator=(const CompletionTag&) = delete;

  void Run(bool ok) { run_(ok); }

 private:
  absl::AnyInvocable<void(bool ok)> run_;
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_COMPLETION_TAG_H_
