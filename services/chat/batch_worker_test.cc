#include "services/chat/batch_worker.h"

#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;
using Batches = std::vector<std::vector<int>>;

// Holds back the first batch until it is told to go on.
class BatchWorkerTest : public testing::Test {
 protected:
  std::unique_ptr<BatchWorker<int>> MakeWorker(BatchWorker<int>::Limits limits) {
    return std::make_unique<BatchWorker<int>>(limits, [this](std::vector<int>& batch) {
      if (!started_.HasBeenNotified()) {
        started_.Notify();
        go_on_.WaitForNotification();
      }
      batches_.push_back(batch);
    });
  }
  static bool Submit(BatchWorker<int>& worker, int item, size_t weight = 1) {
    return worker.Submit(item, weight);
  }

  absl::Notification started_;
  absl::Notification go_on_;
  Batches batches_;  // of the worker's thread, until it is drained
};

TEST_F(BatchWorkerTest, WhatComesWhileABatchRunsMakesUpTheNextOne) {
  const auto worker = MakeWorker({100, 100});
  EXPECT_TRUE(worker->is_idle());
  EXPECT_TRUE(Submit(*worker, 1));
  EXPECT_FALSE(worker->is_idle());
  started_.WaitForNotification();
  EXPECT_FALSE(worker->is_idle());
  for (int i = 2; i <= 5; ++i) EXPECT_TRUE(Submit(*worker, i));
  go_on_.Notify();
  worker->Drain();
  EXPECT_TRUE(worker->is_idle());
  EXPECT_THAT(batches_, ElementsAre(ElementsAre(1), ElementsAre(2, 3, 4, 5)));
}

TEST_F(BatchWorkerTest, RefusesWhatWouldExceedTheWaitingWeight) {
  const auto worker = MakeWorker({10, 100});
  EXPECT_TRUE(Submit(*worker, 1));
  started_.WaitForNotification();
  EXPECT_TRUE(Submit(*worker, 2, 6));
  EXPECT_FALSE(Submit(*worker, 3, 5));
  EXPECT_TRUE(Submit(*worker, 4, 4));
  go_on_.Notify();
  worker->Drain();
  EXPECT_THAT(batches_, ElementsAre(ElementsAre(1), ElementsAre(2, 4)));
}

TEST_F(BatchWorkerTest, BoundsABatchByWeightAndByItems) {
  const auto worker = MakeWorker({100, 10, 3});
  EXPECT_TRUE(Submit(*worker, 1));
  started_.WaitForNotification();
  EXPECT_TRUE(Submit(*worker, 2, 6));
  EXPECT_TRUE(Submit(*worker, 3, 5));
  EXPECT_TRUE(Submit(*worker, 4, 20));
  for (int i = 5; i <= 8; ++i) EXPECT_TRUE(Submit(*worker, i));
  go_on_.Notify();
  worker->Drain();
  EXPECT_THAT(batches_,
              ElementsAre(ElementsAre(1), ElementsAre(2), ElementsAre(3), ElementsAre(4),
                          ElementsAre(5, 6, 7), ElementsAre(8)));
}

TEST_F(BatchWorkerTest, RunsWhatWaitsBeforeItEnds) {
  auto worker = MakeWorker({100, 100});
  EXPECT_TRUE(Submit(*worker, 1));
  started_.WaitForNotification();
  EXPECT_TRUE(Submit(*worker, 2));
  go_on_.Notify();
  worker.reset();
  EXPECT_THAT(batches_, ElementsAre(ElementsAre(1), ElementsAre(2)));
}

TEST_F(BatchWorkerTest, DrainReturnsAtOnceWhenNothingWaits) {
  const auto worker = MakeWorker({100, 100});
  worker->Drain();
  EXPECT_TRUE(batches_.empty());
}

}  // namespace
}  // namespace chatter::chat
