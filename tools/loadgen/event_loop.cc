#include "tools/loadgen/event_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "services/base/absl_view.h"

namespace chatter::loadgen {
namespace {

constexpr int kMaxEvents = 512;
constexpr size_t kReadBufferBytes = 256 << 10;

}  // namespace

int64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), now_(Now()), read_buffer_(kReadBufferBytes) {
  PCHECK(epoll_ >= 0);
  // Wake-ups at the time that was asked for, not up to 50 us later.
  PCHECK(prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL) == 0);
}

EventLoop::~EventLoop() { close(epoll_); }

void EventLoop::Watch(int fd, Handler& handler) {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &handler;
  PCHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EventLoop::AddTicker(int64_t first, Ticker ticker) {
  tickers_.push_back({first, std::move(ticker)});
}

void EventLoop::Fail(absl::Status why) { failure_.Update(std::move(why)); }

bool EventLoop::RunUntil(const std::function<bool()>& done, int64_t deadline) {
  while (failure_.ok()) {
    if (done()) return true;
    if (now_ >= deadline) return false;
    Turn(deadline);
  }
  return false;
}

absl::Status EventLoop::Await(const std::function<bool()>& done, int64_t timeout,
                              std::string_view what) {
  if (RunUntil(done, Now() + timeout)) return absl::OkStatus();
  if (!failure_.ok()) return failure_;
  return absl::DeadlineExceededError(
      absl::StrCat(AbslView(what), " took longer than ", timeout / kSecond, " s"));
}

void EventLoop::Turn(int64_t deadline) {
  for (const Due& due : tickers_) deadline = std::min(deadline, due.next);
  const int64_t wait = to_flush_.empty() ? std::max<int64_t>(deadline - Now(), 0) : 0;
  const timespec timeout = {wait / kSecond, wait % kSecond};
  std::array<epoll_event, kMaxEvents> events;
  const int ready = epoll_pwait2(epoll_, events.data(), kMaxEvents, &timeout, nullptr);
  PCHECK(ready >= 0 || errno == EINTR);
  now_ = Now();
  for (int i = 0; i < ready; ++i) {
    static_cast<Handler*>(events[i].data.ptr)->OnReady(events[i].events);
  }
  RunTickers();
  // A flush may make more to flush: in this turn too.
  while (!to_flush_.empty()) {
    flushing_.swap(to_flush_);
    for (Flushable* const flushable : flushing_) flushable->Flush();
    flushing_.clear();
  }
}

void EventLoop::RunTickers() {
  bool over = false;
  for (Due& due : tickers_) {
    if (due.next > now_) continue;
    due.next = due.ticker(now_);
    over |= due.next == kNever;
  }
  if (!over) return;
  tickers_.erase(std::remove_if(tickers_.begin(), tickers_.end(),
                                [](const Due& due) { return due.next == kNever; }),
                 tickers_.end());
}

}  // namespace chatter::loadgen
