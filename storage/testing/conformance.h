// What the conformance tests share: both engines, and a database for each test.
#ifndef CHATTER_STORAGE_TESTING_CONFORMANCE_H_
#define CHATTER_STORAGE_TESTING_CONFORMANCE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "storage/storage.h"

namespace chatter::storage {

inline const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// Where databases come from.
class Engine {
 public:
  virtual ~Engine() = default;
  // The URL of a new, empty database.
  virtual std::string NewDatabase() = 0;
  // Makes a database one that a later program has migrated.
  virtual void RaiseSchemaVersion(const std::string& url) = 0;
};

// Every test runs on both engines; the parameter is the engine's name.
class ConformanceTest : public ::testing::TestWithParam<const char*> {
 protected:
  // One for all tests of an engine: a server takes a while to start.
  static Engine& engine();
  static bool IsSqlite() { return std::string_view(GetParam()) == "Sqlite"; }

  void SetUp() override;
  void Reopen();

  int64_t AddUser(const std::string& name, const std::string& group = "g");
  // Alice and Bob, who are in most tests.
  void AddAliceAndBob();

  NewMessage FromAlice(std::string_view text) {
    return Make(alice_, "alice", "bob", text);
  }
  NewMessage FromBob(std::string_view text) { return Make(bob_, "bob", "alice", text); }
  NewMessage Make(int64_t sender_id, std::string_view sender, std::string_view recipient,
                  std::string_view text);

  std::vector<Appended> Append(const std::vector<NewMessage>& messages);
  // "1" to "count", from Alice to Bob.
  std::vector<Appended> AppendNumbers(int count);

  std::vector<Message> Read(const HistoryQuery& query);
  std::vector<std::string> ReadTexts(const HistoryQuery& query);
  // Of Alice and Bob.
  static HistoryQuery Newest(int limit);

  std::string url_;
  std::unique_ptr<Storage> storage_;
  int64_t alice_ = 0;
  int64_t bob_ = 0;
  std::atomic<int64_t> created_{0};
};

}  // namespace chatter::storage

#endif  // CHATTER_STORAGE_TESTING_CONFORMANCE_H_
