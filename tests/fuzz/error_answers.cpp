#include <algorithm>
#include <string>

#include "sync/core/classify.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/expected.hpp"

// An error body and what becomes of it, under any status. Read exactly when it is an object whose codes are
// short visible words, and then as written. The verdict: a status decides alone where it must (429, 5xx,
// 3xx); nothing condemns a link, our credentials, a cursor or a request without upstream's own word;
// Retry-After is kept only where it is waited for; the message is one harmless line.
namespace syncd::fuzz {
namespace {

using core::Errc;

bool is_code(const JsonNode* node) {
  const std::string_view code = text_of(node);
  return is_text_or_absent(node) && code.size() <= 128 &&
         std::ranges::all_of(code, [](char c) { return c > ' ' && c <= '~'; });
}

bool is_error(const JsonTree& tree) {
  const JsonNode& root = tree.root();
  return root.kind == JsonNode::Kind::object && is_code(tree.member(root, "error_code")) &&
         is_code(tree.member(root, "link_error_code"));
}

void check_kind(int status, Errc code) {
  constexpr Errc possible[] = {
      Errc::timeout,         Errc::server,         Errc::throttled,       Errc::auth,
      Errc::forbidden,       Errc::protocol,       Errc::relink_required, Errc::gone,
      Errc::cursor_rejected, Errc::upstream_state, Errc::invalid,         Errc::not_found};
  FUZZ_CHECK(std::ranges::find(possible, code) != std::end(possible), "a refusal is of a known kind");
  FUZZ_CHECK((status == 429) == (code == Errc::throttled), "429 is throttled, and nothing else is");
  FUZZ_CHECK(status < 500 || code == Errc::server, "5xx is the server's failure");
  FUZZ_CHECK(status < 300 || status >= 400 || code == Errc::server, "a redirect is not followed");
}

void check_verdict(const core::Error& error, const core::ErrorAnswer* answer,
                   const core::ErrorContext& context, std::optional<core::Millis> retry_after) {
  check_kind(error.http_status, error.code);
  const bool coded = answer != nullptr && !answer->error_code.empty();
  const bool condemns = error.code == Errc::gone || error.code == Errc::relink_required ||
                        error.code == Errc::forbidden || error.code == Errc::auth ||
                        error.code == Errc::upstream_state || error.code == Errc::invalid ||
                        error.code == Errc::not_found;
  FUZZ_CHECK(!condemns || coded, "nothing is condemned without upstream's word");
  const bool cursor = context.sent_cursor && context.endpoint == core::Endpoint::sync && answer != nullptr;
  FUZZ_CHECK(error.code != Errc::cursor_rejected || cursor, "only a cursor that was sent can be refused");
  FUZZ_CHECK(error.api_code == (coded ? answer->error_code : ""), "the code is kept verbatim");
  const bool waits = error.code == Errc::throttled || error.code == Errc::server;
  FUZZ_CHECK(error.retry_after == (waits ? retry_after : std::nullopt),
             "a wait is kept where it is waited for");
  const bool may_be_doubtful =
      error.code == Errc::gone || error.code == Errc::cursor_rejected || error.code == Errc::upstream_state;
  FUZZ_CHECK(!core::is_doubtful(error) || may_be_doubtful, "only verdicts about a link are doubtful");
  const bool plain = std::ranges::all_of(error.message, [](char c) { return c >= ' ' && c <= '~'; });
  FUZZ_CHECK(plain && error.message.size() <= 1024, "the message is one harmless line");
}

// Whatever upstream repeats in a location, what is told of it is a place in a request of ours.
void check_fields(const std::vector<std::string>& fields) {
  FUZZ_CHECK(fields.size() <= core::refused_fields_max, "a few fields are enough");
  for (const std::string& field : fields) {
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("_.[]?").contains(c);
    };
    FUZZ_CHECK(!field.empty() && field.size() <= 160 && std::ranges::all_of(field, fits),
               "a field is made of the words of our requests");
  }
}

int any_status(Choices& choices) {
  constexpr int usual[] = {400, 401, 403, 404, 408, 410, 422, 429, 500, 503};
  const std::uint32_t which = choices.below(16);
  if (which < std::size(usual)) return usual[which];
  return static_cast<int>(200 + choices.below(200) + choices.below(200));
}

}  // namespace

FUZZ_TARGET(error_answers) {
  Choices choices(bytes);
  const int status = any_status(choices);
  core::ErrorContext context;
  context.endpoint = static_cast<core::Endpoint>(1 + choices.below(core::endpoint_count));
  const std::uint8_t flags = choices.byte();
  context.sent_cursor = (flags & 1) != 0;
  context.link_call = (flags & 2) != 0;
  std::optional<core::Millis> retry_after;
  if ((flags & 4) != 0) retry_after = core::Millis(1000);

  static JsonTree tree;
  const bool acceptable = tree.read(choices.rest()) && is_error(tree);
  const auto answer = core::parse_error(std::string(choices.rest()));
  FUZZ_CHECK(answer.has_value() == acceptable, "read exactly when it is an error body");
  if (!answer) check_refusal(answer.error(), choices.rest());
  if (answer) {
    FUZZ_CHECK(answer->error_code == text_of(tree.member(tree.root(), "error_code")), "error_code is kept");
    FUZZ_CHECK(answer->link_error_code == text_of(tree.member(tree.root(), "link_error_code")),
               "link_error_code is kept");
    check_fields(answer->refused_fields);
  }
  const core::ErrorAnswer* read = answer ? &*answer : nullptr;
  check_verdict(core::classify_status(status, read, context, retry_after), read, context, retry_after);
}

}  // namespace syncd::fuzz
