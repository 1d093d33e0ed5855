#include <cstdlib>
#include <iostream>

#include <benchmark/benchmark.h>

#include "sync/core/page.hpp"
#include "tests/unit/core/sample_answers.hpp"

// How fast a sync answer becomes a Page: bytes of body a second on one core. The body is copied into each run
// outside the measured time, because the real one is moved in from the network buffer.
namespace {

void decode_page(benchmark::State& state) {
  const std::string body = syncd::test::sample_page(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    std::string copy;
    copy.reserve(body.size() + syncd::core::body_padding_bytes);
    copy = body;
    state.ResumeTiming();
    auto page = syncd::core::parse_page(std::move(copy));
    if (!page) std::abort();
    benchmark::DoNotOptimize(page);
    state.PauseTiming();
    page = {};
    state.ResumeTiming();
  }
  const auto runs = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(runs * static_cast<std::int64_t>(body.size()));
  state.SetItemsProcessed(runs * state.range(0));
}

void compare_reordered_row(benchmark::State& state) {
  const std::string row = syncd::test::sample_transaction(1, false, true);
  const std::string spaced = row.substr(0, row.size() - 1) + " }";
  for (auto _ : state)
    benchmark::DoNotOptimize(syncd::core::same_json(row, spaced));
}

BENCHMARK(decode_page)->Arg(0)->Arg(50)->Arg(500);
BENCHMARK(compare_reordered_row);

}  // namespace

BENCHMARK_MAIN();
