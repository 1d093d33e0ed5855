#include "sync/core/link_session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "sync/core/json_text.hpp"

namespace syncd::core {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t user_id_characters_min = 4;
constexpr std::size_t user_id_characters_max = 150;
constexpr std::size_t email_characters_max = 254;
constexpr std::size_t phone_characters_max = 30;
constexpr std::size_t tag_characters_max = 99;
constexpr std::array phone_countries{"US"sv, "GB"sv, "CA"sv};
constexpr std::array product_names{"account_numbers"sv, "identity"sv, "transactions"sv, "investments"sv};
constexpr std::array refreshed_products{"accounts"sv,     "account_numbers"sv, "identity"sv,
                                        "transactions"sv, "investments"sv,     "enrichment"sv};

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// nullopt: not UTF-8, or with a control character, and would not arrive as it was given.
std::optional<std::size_t> count_characters(std::string_view text) {
  std::size_t characters = 0;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const bool control = c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa0);
    if (c.length == 0 || control) return std::nullopt;
    text.remove_prefix(c.length);
    ++characters;
  }
  return characters;
}

bool has_characters(std::string_view text, std::size_t min, std::size_t max) {
  const std::optional<std::size_t> characters = count_characters(text);
  return characters && *characters >= min && *characters <= max;
}

// ---- addresses
// ---------------------------------------------------------------------------------------------------

// localhost, 127.0.0.0/8 and ::1, as they are written in a URL.
bool is_this_machine(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view host_of(std::string_view authority) {
  if (!authority.starts_with('[')) return authority.substr(0, authority.find(':'));
  const std::size_t end = authority.find(']');
  return end == std::string_view::npos ? std::string_view() : authority.substr(0, end + 1);
}

std::optional<std::string_view> address_fault(std::string_view text) {
  constexpr std::string_view https = "https://";
  constexpr std::string_view http = "http://";
  if (text.size() > session_uri_bytes_max) return "is longer than 65,536 bytes";
  const bool tls = text.starts_with(https);
  if (!tls && !text.starts_with(http)) return "does not begin with https://";
  const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::ranges::all_of(text, visible)) return "has spaces or characters that must be percent-encoded";
  if (text.find('#') != std::string_view::npos) return "has a fragment";
  const std::string_view rest = text.substr(tls ? https.size() : http.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (authority.find('@') != std::string_view::npos) return "has a user or password in it";
  const std::string_view host = host_of(authority);
  if (host.empty()) return "has no host";
  if (!tls && !is_this_machine(host)) return "is plain http to another machine than this; use https";
  return std::nullopt;
}

// ---- writing
// -----------------------------------------------------------------------------------------------------

// One JSON object, member by member.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;
  ~Members() { out_ += '}'; }

  std::string& name(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view member, std::string_view value) { append_json_string(name(member), value); }
  void text_if_any(std::string_view member, std::string_view value) {
    if (!value.empty()) text(member, value);
  }
  void flag(std::string_view member, bool value) { name(member) += value ? "true" : "false"; }
  void texts_if_any(std::string_view member, const std::vector<std::string>& values) {
    if (values.empty()) return;
    std::string& out = name(member);
    char before = '[';
    for (const std::string& value : values) {
      out += std::exchange(before, ',');
      append_json_string(out, value);
    }
    out += ']';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void write_user(std::string& out, const SessionRequest& request) {
  Members user(out);
  user.text("id", request.customer_user_id);
  if (!request.email.empty()) {
    Members email(user.name("email"));
    email.text("address", request.email);
  }
  if (!request.phone.empty()) {
    Members phone(user.name("phone"));
    phone.text("number", request.phone);
    phone.text_if_any("country", request.phone_country);
  }
}

void write_products(std::string& out, const std::vector<SessionProduct>& products) {
  Members all(out);
  for (const SessionProduct& product : products) {
    Members one(all.name(product.name));
    one.flag("required", product.required);
    one.flag("require_permission", product.require_permission);
    one.flag("prefetch", product.prefetch);
    one.text_if_any("reason", product.reason);
  }
}

void write_settings(std::string& out, const SessionRequest& request) {
  Members settings(out);
  settings.texts_if_any("providers", request.providers);
  settings.texts_if_any("countries", request.countries);
  if (!request.products.empty()) write_products(settings.name("products"), request.products);
}

// ---- checking
// ----------------------------------------------------------------------------------------------------

std::unexpected<Error> refuse(std::string_view field, std::string_view rule) {
  return fail(Errc::invalid, fmt::format("link session: {} {}", field, rule));
}

Result<void> check_user(const SessionRequest& request) {
  if (!has_characters(request.customer_user_id, user_id_characters_min, user_id_characters_max))
    return refuse("customer_user.id", "must have 4 to 150 characters, none of them a control character");
  if (request.customer_user_id.size() > id_bytes_max)
    return refuse("customer_user.id", "must not have more than 256 bytes");
  if (!request.email.empty() && !has_characters(request.email, 4, email_characters_max))
    return refuse("customer_user.email", "must have 4 to 254 characters, none of them a control character");
  if (!request.phone.empty() && !has_characters(request.phone, 4, phone_characters_max))
    return refuse("customer_user.phone", "must have 4 to 30 characters, none of them a control character");
  if (request.phone_country.empty()) return {};
  if (request.phone.empty()) return refuse("customer_user.phone", "has a country and no number");
  if (std::ranges::find(phone_countries, request.phone_country) == phone_countries.end())
    return refuse("customer_user.phone", "has a country that is not US, GB or CA");
  return {};
}

Result<void> check_addresses(const SessionRequest& request) {
  if (request.redirect_uri.empty()) {
    return refuse(
        "redirect_uri",
        "is missing; name one in the request or set link_session.redirect_uri in the configuration");
  }
  if (const auto fault = redirect_uri_fault(request.redirect_uri)) return refuse("redirect_uri", *fault);
  // What a relink repeats is upstream's own and need not be an address that we would write.
  if (request.webhook.size() > session_uri_bytes_max || !count_characters(request.webhook))
    return refuse("webhook", "must have at most 65,536 bytes and no control characters");
  return {};
}

Result<void> check_tags(const std::vector<std::string>& tags) {
  if (tags.size() > session_tags_max) return refuse("link_tags", "holds more than 1,000 tags");
  for (const std::string& tag : tags) {
    const bool good = has_characters(tag, 1, tag_characters_max) && is_letter_or_digit(tag.front());
    if (!good) {
      return refuse("link_tags",
                    "holds a tag that is not 1 to 99 characters beginning with a letter or digit");
    }
  }
  return {};
}

Result<void> check_products(const std::vector<SessionProduct>& products) {
  for (auto product = products.begin(); product != products.end(); ++product) {
    if (std::ranges::find(product_names, product->name) == product_names.end()) {
      return refuse("settings.products",
                    "knows account_numbers, identity, transactions and investments only");
    }
    const auto same_name = [&](const SessionProduct& other) { return other.name == product->name; };
    if (std::any_of(products.begin(), product, same_name))
      return refuse("settings.products", "names a product twice");
    if (!has_characters(product->reason, 0, session_reason_characters_max)) {
      return refuse("settings.products",
                    "has a reason of more than 1,000 characters or with a control character");
    }
  }
  return {};
}

bool is_country(std::string_view text) {
  return text.size() == 2 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_provider(std::string_view text) {
  const auto fits = [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, fits);
}

Result<void> check_limits(const SessionRequest& request) {
  if (!request.institution_id.empty() && !is_valid_id(request.institution_id))
    return refuse("institution_id", "must have 1 to 256 bytes and no control characters");
  if (request.countries.size() > session_words_max || !std::ranges::all_of(request.countries, is_country)) {
    return refuse("settings.countries", "must hold at most 100 codes of two capital letters");
  }
  if (request.providers.size() > session_words_max || !std::ranges::all_of(request.providers, is_provider)) {
    return refuse("settings.providers", "must hold at most 100 words of letters, digits, '-' and '_'");
  }
  return {};
}

Result<void> check(const SessionRequest& request) {
  for (const Result<void>& checked :
       {check_user(request), check_addresses(request), check_tags(request.link_tags),
        check_products(request.products), check_limits(request)}) {
    if (!checked) return checked;
  }
  return {};
}

}  // namespace

std::optional<std::string_view> redirect_uri_fault(std::string_view text) {
  if (text.find('?') != std::string_view::npos) return "has a query, which upstream does not accept";
  return address_fault(text);
}

std::optional<std::string_view> webhook_fault(std::string_view text) {
  return address_fault(text);
}

Result<std::string> session_body(const SessionRequest& request) {
  if (const Result<void> good = check(request); !good) return std::unexpected(good.error());
  std::string out;
  {
    Members body(out);
    write_user(body.name("customer_user"), request);
    body.text("redirect_uri", request.redirect_uri);
    body.text_if_any("existing_link_id", request.existing_link_id.str());
    body.text_if_any("institution_id", request.institution_id);
    body.text_if_any("webhook", request.webhook);
    body.texts_if_any("link_tags", request.link_tags);
    const bool settings =
        !request.products.empty() || !request.countries.empty() || !request.providers.empty();
    if (settings) write_settings(body.name("settings"), request);
  }
  return out;
}

Result<std::string> link_change_body(const LinkChange& change) {
  if (change.webhook &&
      (change.webhook->size() > session_uri_bytes_max || !count_characters(*change.webhook)))
    return refuse("webhook", "must have at most 65,536 bytes and no control characters");
  if (change.link_tags) {
    if (const Result<void> good = check_tags(*change.link_tags); !good) return std::unexpected(good.error());
  }
  std::string out;
  {
    Members body(out);
    if (change.webhook && change.webhook->empty()) body.name("webhook") += "null";
    if (change.webhook) body.text_if_any("webhook", *change.webhook);
    if (change.link_tags && change.link_tags->empty()) body.name("link_tags") += "[]";
    if (change.link_tags) body.texts_if_any("link_tags", *change.link_tags);
  }
  return out;
}

Result<std::string> refresh_body(const std::vector<std::string>& products) {
  const auto known = [](const std::string& product) {
    return std::ranges::find(refreshed_products, product) != refreshed_products.end();
  };
  if (products.empty() || !std::ranges::all_of(products, known)) {
    return refuse("products",
                  "knows accounts, account_numbers, identity, transactions, investments and enrichment only");
  }
  std::string out;
  Members(out).texts_if_any("products", products);
  return out;
}

Result<std::string> exchange_body(std::string_view exchangeable_token) {
  const bool fits = !exchangeable_token.empty() &&
                    exchangeable_token.size() <= exchangeable_token_bytes_max &&
                    count_characters(exchangeable_token);
  if (!fits) {
    return fail(Errc::invalid,
                "the exchangeable token must have 1 to 4,096 bytes and no control characters; pass it on as "
                "the component returned it");
  }
  std::string out;
  out.reserve(64 + 2 * exchangeable_token.size());  // a quote or backslash takes two
  Members(out).text("exchangeable_token", exchangeable_token);
  return out;
}

}  // namespace syncd::core
