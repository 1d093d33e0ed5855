#include "sync/core/answer_reading.hpp"
#include "sync/core/link_session.hpp"

namespace syncd::core {
namespace {

bool read_exchange(Reader& reader, LinkAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  bool has_link = false;
  std::string_view deprecated_id;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "link") {
      has_link = !reader.take_null();
      read = !has_link || reader.at("link", read_link(reader, answer.link, answer.unknown_values));
    } else if (name == "link_id") {
      read = reader.take_null() || reader.at("link_id", read_id(reader, deprecated_id));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (has_link) return true;
  if (deprecated_id.empty()) return reader.fail_member("link", "is missing");
  answer.link.link_id = deprecated_id;
  return true;
}

// `{ link_id: link }`
bool read_links_by_id(Reader& reader, UserLinksAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view id;
  while (reader.next(object, id)) {
    if (answer.links.size() == user_links_max) return reader.fail(too_many_rows);
    LinkObject& link = answer.links.emplace_back();
    if (!read_link(reader, link, answer.unknown_values)) return false;
    if (link.link_id != id)
      return reader.fail_member("link_id", "is another one than the link is listed under");
  }
  return reader.ok();
}

bool read_user_links(Reader& reader, UserLinksAnswer& answer) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  bool has_links = false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "links") {
      has_links = true;
      read = reader.at("links", read_links_by_id(reader, answer));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  if (!reader.ok()) return false;
  if (!has_links) return reader.fail_member("links", "is missing");
  return true;
}

// `null` or texts.
bool read_tags(Reader& reader, std::vector<std::string>& tags) {
  if (reader.take_null()) return true;
  Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    if (tags.size() == session_tags_max) return reader.fail(too_many_rows);
    std::string_view tag;
    if (!reader.at(array, reader.text(tag))) return false;
    tags.emplace_back(tag);
  }
  return reader.ok();
}

bool read_link_keeps(Reader& reader, LinkKeeps& keeps) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::vector<std::string> deprecated_tags;  // a copy of them, where there are both
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "webhook") {
      std::string_view text;
      read = reader.at("webhook", reader.text_or_null(text));
      keeps.webhook = text;
    } else if (name == "link_tags") {
      read = reader.at("link_tags", read_tags(reader, keeps.link_tags));
    } else if (name == "tags") {
      read = reader.at("tags", read_tags(reader, deprecated_tags));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  if (keeps.link_tags.empty()) keeps.link_tags = std::move(deprecated_tags);
  return reader.ok();
}

}  // namespace

Result<LinkKeeps> parse_link_keeps(std::string link_json) {
  link_json.reserve(link_json.size() + body_padding_bytes);
  std::deque<std::string> unescaped;
  LinkKeeps keeps;
  Reader reader(link_json, unescaped);
  const bool good = reader.ok() && read_link_keeps(reader, keeps) && reader.finish();
  if (!good) return refused(reader, "a link object", link_json);
  return keeps;
}

Result<std::shared_ptr<const LinkAnswer>> parse_exchange(std::string body) {
  return parse_answer<LinkAnswer>(std::move(body), "an exchange answer", read_exchange);
}

Result<std::shared_ptr<const UserLinksAnswer>> parse_user_links(std::string body) {
  return parse_answer<UserLinksAnswer>(std::move(body), "the links of a user", read_user_links);
}

}  // namespace syncd::core
