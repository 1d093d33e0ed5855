#include "daemon/admin/token_request.hpp"

#include <string_view>
#include <utility>

#include "daemon/admin/body.hpp"
#include "daemon/duration.hpp"

namespace syncd::daemon {

namespace {

// Longer ones are no name and no duration either.
constexpr std::size_t text_bytes_max = 256;

bool read_role(core::Reader& reader, std::optional<Role>& role) {
  std::string_view text;
  if (!reader.text(text)) return false;
  role = parse_role(text);
  return role || reader.fail("must be read, operate or admin");
}

bool read_lifetime(core::Reader& reader, std::optional<core::Millis>& lifetime) {
  std::string_view text;
  if (!reader.text(text)) return false;
  const auto parsed = parse_duration(text);
  if (!parsed) return reader.fail("must be a duration, for example 90d");
  lifetime = *parsed;
  return true;
}

}  // namespace

std::expected<NewToken, std::string> parse_new_token(std::string body) {
  std::string token_name;
  std::optional<Role> role;
  std::optional<core::Millis> lifetime;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    if (name == "name") return read_as(reader.at("name", read_text(reader, token_name, text_bytes_max)));
    if (name == "role") return read_as(reader.at("role", read_role(reader, role)));
    if (name == "lifetime") return read_as(reader.at("lifetime", read_lifetime(reader, lifetime)));
    return Member::unknown;
  };
  auto done = read_body(std::move(body), "name, role and lifetime", read);
  if (!done) return std::unexpected(done.error());
  if (token_name.empty()) return std::unexpected("the body: name is missing");
  if (!role) return std::unexpected("the body: role is missing");
  if (!lifetime) return std::unexpected("the body: lifetime is missing");
  return NewToken{.name = std::move(token_name), .role = *role, .lifetime = *lifetime};
}

}  // namespace syncd::daemon
