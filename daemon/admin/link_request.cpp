#include "daemon/admin/link_request.hpp"

#include <deque>
#include <string_view>

#include "sync/core/json_text.hpp"
#include "sync/core/page.hpp"
#include "sync/core/reader.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t tags_max = 32;
constexpr std::size_t tag_bytes_max = 128;
constexpr std::size_t name_shown_max = 64;

bool read_tags(core::Reader& reader, std::vector<std::string>& tags) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    std::string_view tag;
    if (!reader.at(array, reader.text(tag))) return false;
    if (tag.empty() || tag.size() > tag_bytes_max) return reader.fail("must have 1 to 128 bytes each");
    if (tags.size() == tags_max) return reader.fail("are more than 32");
    tags.emplace_back(tag);
  }
  return reader.ok();
}

bool read_id_member(core::Reader& reader, std::string_view& id) {
  if (!reader.text(id)) return false;
  return core::is_valid_id(id) || reader.fail("must have 1 to 256 bytes and no control characters");
}

// `unknown`: the name that the failure is about, which the reader's messages do not carry.
bool read_new_link(core::Reader& reader, engine::NewLink& link, std::string& unknown) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    std::string_view value;
    if (name == "link_id") {
      if (!reader.at("link_id", read_id_member(reader, value))) return false;
      link.link_id = core::LinkId{std::string(value)};
    } else if (name == "customer_user_id") {
      if (!reader.at("customer_user_id", read_id_member(reader, value))) return false;
      link.customer_user_id = value;
    } else if (name == "tags") {
      if (!reader.at("tags", read_tags(reader, link.tags))) return false;
    } else {
      unknown = name.substr(0, name_shown_max);
      return reader.fail("has a member that is not known here");
    }
  }
  if (!reader.ok()) return false;
  return !link.link_id.empty() || reader.fail_member("link_id", "is missing");
}

}  // namespace

std::expected<engine::NewLink, std::string> parse_new_link(std::string body) {
  body.reserve(body.size() + core::body_padding_bytes);
  std::deque<std::string> unescaped;
  core::Reader reader(body, unescaped);
  engine::NewLink link;
  std::string unknown;
  if (reader.ok() && read_new_link(reader, link, unknown) && reader.finish()) return link;
  if (!unknown.empty()) {
    std::string quoted;
    core::append_json_string(quoted, unknown);
    return std::unexpected("the body: member " + quoted +
                           " is not known here; known are link_id, customer_user_id and tags");
  }
  // The reader speaks of upstream's answers.
  constexpr std::string_view document = "the answer";
  const std::string message = reader.message();
  if (message.starts_with(document)) return std::unexpected("the body" + message.substr(document.size()));
  return std::unexpected("the body: " + message);
}

}  // namespace syncd::daemon
