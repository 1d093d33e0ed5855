#include <algorithm>
#include <string>

#include "daemon/cli/render.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/json_tree.hpp"
#include "tests/fuzz/support/target.hpp"

// What moneykitctl makes of an answer, whose texts come from banks: a document is understood exactly when it
// is JSON, and whatever is in it, the page for people is lines of UTF-8 without control characters and
// without marks that turn text around.
namespace syncd::fuzz {
namespace {

void check_page(const std::string& page) {
  FUZZ_CHECK_SAYING(is_utf8(page), "a page is UTF-8", page);
  const bool plain = std::ranges::none_of(
      page, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; });
  FUZZ_CHECK_SAYING(plain, "a page has no control characters", page);
  for (const std::string_view mark :
       {"\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u0085", "\u009b"})
    FUZZ_CHECK_SAYING(page.find(mark) == std::string::npos, "nothing in a page steers the terminal", page);
}

}  // namespace

FUZZ_TARGET(cli_render) {
  Choices choices(bytes);
  const std::uint32_t which = choices.below(11);
  const core::WallTime now{std::chrono::seconds(1'700'000'000)};
  static JsonTree tree;
  const auto value = cli::parse_json(std::string(choices.rest()));
  FUZZ_CHECK(value.has_value() == tree.read(choices.rest()), "understood exactly when it is JSON");
  if (!value) return;
  switch (which) {
    case 0:
      return check_page(cli::render_status(*value, now));
    case 1:
      return check_page(cli::render_links(value->items, now));
    case 2:
      return check_page(cli::render_link(*value, now));
    case 3:
      return check_page(cli::render_cycle(*value, now));
    case 4:
      return check_page(cli::render_accounts(value->items, now));
    case 5:
      return check_page(cli::render_transactions(value->items));
    case 6:
      return check_page(cli::render_relinks(value->items, now));
    case 7:
      return check_page(cli::render_relink(*value, now));
    case 8:
      return check_page(cli::render_explanation(*value, now));
    case 9:
      return check_page(cli::render_plan(*value));
    default:
      return check_page(cli::render_feed_entry(*value));
  }
}

}  // namespace syncd::fuzz
