#include "edge/limits/process_memory.h"

#include <filesystem>
#include <fstream>
#include <vector>

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

TEST(ProcessMemoryTest, WhatIsUsedIsResident) {
  ProcessMemory& memory = ProcessMemory::Real();
  const int64_t before = memory.ResidentBytes();
  EXPECT_GT(before, 1 << 20);
  const std::vector<char> used(64 << 20, 'x');
  const int64_t with = memory.ResidentBytes();
  EXPECT_GE(with, before + (60 << 20)) << used.back();
  memory.GiveBack();
  EXPECT_GE(memory.ResidentBytes(), before + (60 << 20)) << used.back();
}

class MemoryAllowanceTest : public ::testing::Test {
 protected:
  MemoryAllowanceTest() { Write("proc/self/cgroup", "0::/a/b\n"); }
  ~MemoryAllowanceTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  const std::string root_ = ::testing::TempDir() + "/root";
};

TEST_F(MemoryAllowanceTest, IsTheLeastOfTheCgroupsAbove) {
  const int64_t machine = MemoryAllowance(root_);
  EXPECT_GT(machine, 1 << 20);
  Write("sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(MemoryAllowance(root_), machine);
  Write("sys/fs/cgroup/a/memory.max", "1048576\n");
  EXPECT_EQ(MemoryAllowance(root_), 1'048'576);
  Write("sys/fs/cgroup/a/b/memory.max", "524288\n");
  EXPECT_EQ(MemoryAllowance(root_), 524'288);
  Write("sys/fs/cgroup/a/b/memory.max", "2097152\n");
  EXPECT_EQ(MemoryAllowance(root_), 1'048'576);
}

TEST_F(MemoryAllowanceTest, WithinAContainerItIsTheTopmost) {
  Write("proc/self/cgroup", "4:memory:/elsewhere\n0::/\n");
  Write("sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(MemoryAllowance(root_), 1'048'576);
}

}  // namespace
}  // namespace chatter::edge
