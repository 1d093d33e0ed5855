#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sync/core/row_facts.hpp"
#include "tests/unit/core/one_link.hpp"

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SYNCD_OWN_ALLOCATIONS 0  // they are the sanitizer's
#else
#define SYNCD_OWN_ALLOCATIONS 1
#endif

// Memory runs out while a page is applied: at each allocation in turn. The page is then not applied, nothing
// that the core was given has changed, and the same page gives the same update afterwards.
namespace syncd::test {
namespace {

// Of this thread, so many allocations succeed before one fails; negative: none fails.
constinit thread_local std::int64_t until_failure = -1;

[[maybe_unused]] bool fails_now() {
  return until_failure >= 0 && until_failure-- == 0;
}

// nullopt: an allocation failed before it was done.
template <class Work>
auto with_failure(std::int64_t number, Work work) -> std::optional<decltype(work())> {
  until_failure = number;
  try {
    auto done = work();
    until_failure = -1;
    return done;
  } catch (const std::bad_alloc&) {
    until_failure = -1;
    return std::nullopt;
  }
}

constexpr std::int64_t too_many = 100'000;

// A link that holds posted and pending rows, and a page that changes, removes and replaces some of them.
PageText first_page() {
  return {.created = {posted("t1"), posted("t2"), pending("p1"), pending("p2")}};
}
PageText second_page() {
  return {.created = {posted("t3"), pending("p3")},
          .updated = {posted("t1", "99.00")},
          .removed = {"t2"},
          .next = "c2",
          .link = {.clock = clock_2},
          .accounts = std::vector<std::string>{account("acc_1", "7.00"), account("acc_2")}};
}

TEST(FailingAllocation, APageThatIsReadIsReadWholeOrNotAtAll) {
  if (!SYNCD_OWN_ALLOCATIONS) GTEST_SKIP() << "allocations are the sanitizer's";
  const auto text = second_page().json();
  // The JSON library allocates, where it may not throw, the first time that it looks at what the processor
  // has.
  ASSERT_TRUE(core::parse_page(text));
  std::int64_t failed = 0;
  for (; failed < too_many; ++failed) {
    auto page = with_failure(failed, [&text] { return core::parse_page(text); });
    if (!page) continue;
    if (!*page) continue;  // refused with a reason
    EXPECT_EQ((**page)->created.size(), 2u);
    break;
  }
  std::printf("%d allocations of a reading failed\n", static_cast<int>(failed));
  EXPECT_GT(failed, 5) << "hardly any allocation failed";
  EXPECT_LT(failed, too_many);
}

TEST(FailingAllocation, APageIsAppliedWholeOrNotAtAll) {
  if (!SYNCD_OWN_ALLOCATIONS) GTEST_SKIP() << "allocations are the sanitizer's";
  // simdjson 3.0.1 does not look whether its buffer for strings was allocated; here it has one that is large
  // enough.
  ASSERT_TRUE(core::row_facts(R"({"amount":")" + std::string(4096, '1') + "\"}"));
  OneLink link;
  link.page(first_page());
  const auto before = link.store.record;
  const auto rows = link.store.rows;
  const auto parsed = core::parse_page(second_page().json());
  ASSERT_TRUE(parsed);
  const auto& page = *parsed;
  const auto held =
      std::make_shared<const core::Held>(link.store.lookup(core::plan_lookup(before, *page, nullptr)));
  const core::Held held_before = *held;
  const core::StepInput input{.record = link.store.record,
                              .held = held,
                              .now = link.now,
                              .policy = link.policy,
                              .recent_sends = {},
                              .entropy = link.entropy};
  std::int64_t failed = 0;
  std::optional<core::LinkUpdate> update;
  for (; failed < too_many && !update; ++failed) {
    update = with_failure(failed, [&] {
      if (core::check_page(input.record, *page, input.policy)) throw std::logic_error("it is refused");
      return core::step_page(input, page);
    });
    ASSERT_EQ(link.store.record, before);
    ASSERT_TRUE(held->transactions == held_before.transactions && held->staged == held_before.staged);
  }
  std::printf("%d allocations of a step failed\n", static_cast<int>(failed) - 1);
  EXPECT_GT(failed, 10) << "hardly any allocation failed";
  ASSERT_TRUE(update);
  EXPECT_EQ(link.store.rows, rows) << "nothing is written by deciding";
  // What came of it in the end is what would have come of it at once.
  OneLink undisturbed;
  undisturbed.page(first_page());
  undisturbed.page(second_page());
  link.store.apply(*update);
  EXPECT_EQ(link.record(), undisturbed.record());
  EXPECT_EQ(link.store.rows, undisturbed.store.rows);
  EXPECT_EQ(link.store.accounts, undisturbed.store.accounts);
  EXPECT_EQ(link.visible(), undisturbed.visible());
}

// Another row might be taken for the successor of one that says nothing.
TEST(FailingAllocation, ARowThatMemoryDoesNotSufficeForIsNotOneThatSaysNothing) {
  if (!SYNCD_OWN_ALLOCATIONS) GTEST_SKIP() << "allocations are the sanitizer's";
  ASSERT_TRUE(core::row_facts(R"({"amount":"1"})"));
  const std::string amount(1 << 20, '1');  // larger than any row before
  const std::string row = R"({"amount":")" + amount + "\"}";
  // The copy and the buffer for strings succeed, the one for tokens does not.
  EXPECT_FALSE(with_failure(2, [&row] { return core::row_facts(row); }));
  const auto facts = core::row_facts(row);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->amount, amount);
}

}  // namespace
}  // namespace syncd::test

#if SYNCD_OWN_ALLOCATIONS
// NOLINTBEGIN: the program's own, so that one can fail.
void* operator new(std::size_t bytes) {
  if (syncd::test::fails_now()) throw std::bad_alloc();
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
// NOLINTEND
#endif
