#include "daemon/admin/session_request.hpp"

#include <string_view>

#include "daemon/admin/body.hpp"
#include "daemon/admin/link_request.hpp"
#include "sync/api/secret.hpp"

namespace syncd::daemon {

namespace {

// Upstream's own bounds are checked later; these keep a body from being stored whole in one member.
constexpr std::size_t text_bytes_max = 8 * 1024;
constexpr std::size_t words_max = 100;

// The members of an inner object: `read(reader, name)` answers false where it refuses or does not know.
template <class Read>
bool read_object(core::Reader& reader, Read read) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    if (!read(reader, name)) return reader.ok() ? reader.fail("has a member that is not known here") : false;
  }
  return reader.ok();
}

bool read_words(core::Reader& reader, std::vector<std::string>& words) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    std::string word;
    if (!reader.at(array, read_text(reader, word, text_bytes_max))) return false;
    if (words.size() == words_max) return reader.fail("are more than 100");
    words.push_back(std::move(word));
  }
  return reader.ok();
}

bool read_email(core::Reader& reader, std::string& email) {
  return read_object(reader, [&](core::Reader& in, std::string_view name) {
    return name == "address" && in.at("address", read_text(in, email, text_bytes_max));
  });
}

bool read_phone(core::Reader& reader, core::SessionRequest& session) {
  return read_object(reader, [&](core::Reader& in, std::string_view name) {
    if (name == "number") return in.at("number", read_text(in, session.phone, text_bytes_max));
    return name == "country" && in.at("country", read_text(in, session.phone_country, text_bytes_max));
  });
}

bool read_customer_user(core::Reader& reader, core::SessionRequest& session) {
  return read_object(reader, [&](core::Reader& in, std::string_view name) {
    if (name == "id") return in.at("id", read_text(in, session.customer_user_id, text_bytes_max));
    if (name == "email") return in.at("email", read_email(in, session.email));
    return name == "phone" && in.at("phone", read_phone(in, session));
  });
}

bool read_product(core::Reader& reader, core::SessionProduct& product) {
  return read_object(reader, [&](core::Reader& in, std::string_view name) {
    if (name == "required") return in.at("required", in.boolean(product.required));
    if (name == "require_permission")
      return in.at("require_permission", in.boolean(product.require_permission));
    if (name == "prefetch") return in.at("prefetch", in.boolean(product.prefetch));
    return name == "reason" && in.at("reason", read_text(in, product.reason, text_bytes_max));
  });
}

// By name, as upstream has them.
bool read_products(core::Reader& reader, std::vector<core::SessionProduct>& products) {
  return read_object(reader, [&](core::Reader& in, std::string_view name) {
    if (products.size() == words_max) return in.fail("are more than 100");
    products.push_back({.name = std::string(name)});
    return read_product(in, products.back());
  });
}

Member read_session_member(core::Reader& reader, std::string_view name, core::SessionRequest& session) {
  const auto take = [&](const char* member, std::string& out) {
    return read_as(reader.at(member, read_text(reader, out, core::session_uri_bytes_max)));
  };
  if (name == "customer_user")
    return read_as(reader.at("customer_user", read_customer_user(reader, session)));
  if (name == "institution_id") return take("institution_id", session.institution_id);
  if (name == "redirect_uri") return take("redirect_uri", session.redirect_uri);
  if (name == "webhook") return take("webhook", session.webhook);
  if (name == "link_tags") return read_as(reader.at("link_tags", read_words(reader, session.link_tags)));
  if (name == "countries") return read_as(reader.at("countries", read_words(reader, session.countries)));
  if (name == "providers") return read_as(reader.at("providers", read_words(reader, session.providers)));
  if (name == "products") return read_as(reader.at("products", read_products(reader, session.products)));
  return Member::unknown;
}

}  // namespace

std::expected<engine::RelinkSessionRequest, std::string> parse_relink_session(const std::string& link_id,
                                                                              std::string body) {
  engine::RelinkSessionRequest request;
  request.link_id = core::LinkId{link_id};
  std::optional<std::uint64_t> version;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    if (name == "version") return read_as(reader.at("version", read_version(reader, version)));
    if (name == "force") return read_as(reader.at("force", reader.boolean(request.force)));
    if (name == "redirect_uri") {
      return read_as(
          reader.at("redirect_uri", read_text(reader, request.redirect_uri, core::session_uri_bytes_max)));
    }
    return Member::unknown;
  };
  auto done = read_body(std::move(body), "version, redirect_uri and force", read);
  if (!done) return std::unexpected(done.error());
  if (!version)
    return std::unexpected("the body: version is missing: send the version of the entry that you saw");
  request.version = *version;
  return request;
}

std::expected<core::SessionRequest, std::string> parse_session_request(std::string body) {
  core::SessionRequest session;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    return read_session_member(reader, name, session);
  };
  auto done =
      read_body(std::move(body),
                "customer_user, institution_id, redirect_uri, webhook, link_tags, products, countries and "
                "providers",
                read);
  if (!done) return std::unexpected(done.error());
  if (session.customer_user_id.empty()) return std::unexpected("the body: customer_user.id is missing");
  const auto fault = session.webhook.empty() ? std::nullopt : core::webhook_fault(session.webhook);
  if (fault) return std::unexpected("the body: webhook " + std::string(*fault));
  return session;
}

std::expected<engine::ExchangeRequest, std::string> parse_exchange_request(std::string body) {
  engine::ExchangeRequest request;
  std::string token;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    if (name == "exchangeable_token") {
      return read_as(
          reader.at("exchangeable_token", read_text(reader, token, core::exchangeable_token_bytes_max)));
    }
    if (name == "customer_user_id") {
      return read_as(
          reader.at("customer_user_id", read_text(reader, request.customer_user_id, core::id_bytes_max)));
    }
    if (name == "tags") return read_as(reader.at("tags", read_tags(reader, request.tags)));
    return Member::unknown;
  };
  auto done = read_body(std::move(body), "exchangeable_token, customer_user_id and tags", read);
  request.token = std::make_shared<const api::Secret>(std::move(token));
  if (!done) return std::unexpected(done.error());
  if (request.token->empty()) return std::unexpected("the body: exchangeable_token is missing");
  const bool good_user = request.customer_user_id.empty() || core::is_valid_id(request.customer_user_id);
  if (!good_user) return std::unexpected("the body: customer_user_id must have no control characters");
  return request;
}

}  // namespace syncd::daemon
