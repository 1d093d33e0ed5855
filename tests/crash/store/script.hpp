#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "sync/core/update.hpp"

// What the writer process does, as a function of the number of its calls: so the state after any number of
// them is known without having seen them.
//
// Call n commits one step of each of three neighbouring links together. Step k of a link adds row k (pending
// when k is a multiple of three), posts row k - 1 if that was pending, and removes row k - 5.
namespace syncd::test::script {

inline constexpr int links = 8;
inline constexpr int links_per_call = 3;
inline constexpr int rows_kept = 5;

store::StoreOptions options(std::string path);
std::string link_name(int link);
// The links of call `n`, counted from 1.
std::array<int, links_per_call> links_of_call(std::uint64_t n);
// How many of the first `calls` calls touched `link`.
std::uint64_t steps_after(std::uint64_t calls, int link);

// The update of one step; `fill` is the length of each row's text. Its views point into itself.
core::LinkUpdate step(int link, std::uint64_t k, std::size_t fill);

struct Row {
  std::string json;
  bool pending = false;
  bool operator==(const Row&) const = default;
};
// Rows by id after `k` steps.
std::map<std::string, Row> rows_after(int link, std::uint64_t k, std::size_t fill);
std::uint64_t changes_after(std::uint64_t k);

}  // namespace syncd::test::script
