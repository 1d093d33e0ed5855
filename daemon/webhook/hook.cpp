#include "daemon/webhook/hook.hpp"

#include <algorithm>
#include <array>
#include <deque>

#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::daemon {

namespace {

constexpr std::string_view major_version = "1";

// Products whose data is not fetched: that they were refreshed is no news.
constexpr std::array<std::string_view, 4> products_not_fetched{"account_numbers", "identity", "investments",
                                                               "enrichment"};

struct Payload {
  std::string_view event, version, key, link_id, product, state;
};

bool read_text_if_any(core::Reader& reader, std::string_view& out) {
  return reader.peek() == '"' ? reader.text(out) : reader.skip();
}

bool read_payload(core::Reader& reader, Payload& payload) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "webhook_event") {
      read = reader.text(payload.event);
    } else if (name == "webhook_major_version") {
      read = reader.number(payload.version);
    } else if (name == "webhook_idempotency_key") {
      read = reader.text(payload.key);
    } else if (name == "link_id") {
      read = read_text_if_any(reader, payload.link_id);
    } else if (name == "product") {
      read = read_text_if_any(reader, payload.product);
    } else if (name == "state") {
      read = read_text_if_any(reader, payload.state);
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  return reader.ok() && reader.finish();
}

Hook::Meaning meaning_of(const Payload& payload) {
  if (payload.version != major_version) return Hook::Meaning::unknown_version;
  if (payload.event == "link.state_changed" || payload.event == "transactions.updates_available")
    return Hook::Meaning::news;
  if (payload.event != "link.product_refresh") return Hook::Meaning::unknown_event;
  const bool goes_on = payload.state == "pending" || payload.state == "in_progress";
  const bool fetched = std::ranges::find(products_not_fetched, payload.product) == products_not_fetched.end();
  return goes_on || !fetched ? Hook::Meaning::no_news : Hook::Meaning::news;
}

}  // namespace

std::optional<Hook> parse_hook(std::string_view body) {
  std::string text;
  text.reserve(body.size() + core::body_padding_bytes);
  text = body;
  std::deque<std::string> unescaped;
  core::Reader reader(text, unescaped);
  Payload payload;
  if (!reader.ok() || !read_payload(reader, payload)) return std::nullopt;
  if (payload.event.empty() || payload.version.empty()) return std::nullopt;
  Hook hook;
  hook.meaning = meaning_of(payload);
  const bool has_link = core::is_valid_id(payload.link_id);
  if (has_link) hook.link_id = core::LinkId(std::string(payload.link_id));
  if (core::is_valid_id(payload.key)) hook.key = core::digest_of(payload.key);
  const bool acts = hook.meaning == Hook::Meaning::news;
  if (acts && (!has_link || hook.key == core::Digest{})) return std::nullopt;
  return hook;
}

}  // namespace syncd::daemon
