#include "sync/core/answer_reading.hpp"
#include "sync/core/known_words.hpp"

namespace syncd::core {
namespace {

// An error that is older than the last success is a memory. A time that is missing or not understood does not
// make it one.
bool is_failing(const ProductInfo& product) {
  if (product.error_code.empty()) return false;
  const auto& attempted_at = product.attempted_at;
  return !attempted_at || !product.refreshed_at || *attempted_at >= *product.refreshed_at;
}

// `null` or an object; a refresh time that cannot be understood counts as none, because a page must not be
// lost for the sake of a hint.
bool read_product(Reader& reader, ProductInfo& product, std::uint32_t& unknown) {
  if (reader.take_null()) return true;
  Reader::Object object;
  if (!reader.enter(object)) return false;
  product.granted = true;
  std::string_view last_attempted_at;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "refreshed_at") {
      std::string_view text;
      read = reader.at("refreshed_at", reader.text_or_null(text));
      product.refreshed_at = parse_upstream_time(text);
      if (!text.empty() && !product.refreshed_at) ++unknown;
    } else if (name == "error_code") {
      read = reader.at("error_code", reader.text_or_null(product.error_code));
      if (!product.error_code.empty() && !is_known_product_error(product.error_code)) ++unknown;
    } else if (name == "last_attempted_at") {
      read = reader.at("last_attempted_at", reader.text_or_null(last_attempted_at));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  product.attempted_at = parse_upstream_time(last_attempted_at);
  product.failing = is_failing(product);
  return reader.ok();
}

bool read_products(Reader& reader, LinkObject& link, std::uint32_t& unknown) {
  if (reader.take_null()) return true;
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    bool read = false;
    if (name == "accounts") {
      read = reader.at("accounts", read_product(reader, link.accounts, unknown));
    } else if (name == "transactions") {
      read = reader.at("transactions", read_product(reader, link.transactions, unknown));
    } else {
      read = reader.skip();
    }
    if (!read) return false;
  }
  return reader.ok();
}

bool read_member(Reader& reader, std::string_view name, LinkObject& link, std::uint32_t& unknown) {
  if (name == "link_id") return reader.at("link_id", read_id(reader, link.link_id));
  if (name == "state") return reader.at("state", reader.text(link.state));
  if (name == "error_code") return reader.at("error_code", reader.text_or_null(link.error_code));
  if (name == "institution_id") return reader.at("institution_id", reader.text_or_null(link.institution_id));
  if (name == "provider") return reader.at("provider", reader.text_or_null(link.provider));
  if (name == "products") return reader.at("products", read_products(reader, link, unknown));
  if (name == "webhook") {
    std::string_view address;
    if (!reader.at("webhook", reader.text_or_null(address))) return false;
    link.has_webhook = !address.empty();
    return true;
  }
  return reader.skip();
}

}  // namespace

bool read_link(Reader& reader, LinkObject& link, std::uint32_t& unknown) {
  Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  bool has_state = false;
  while (reader.next(object, name)) {
    has_state = has_state || name == "state";
    if (!read_member(reader, name, link, unknown)) return false;
  }
  if (!reader.ok()) return false;
  if (link.link_id.empty()) return reader.fail_member("link_id", "is missing");
  if (!has_state) return reader.fail_member("state", "is missing");
  link.json = reader.slice(object);
  if (!is_known_link_state(link.state)) ++unknown;
  if (!link.error_code.empty() && !is_known_link_error(link.error_code)) ++unknown;
  if (!link.provider.empty() && !is_known_provider(link.provider)) ++unknown;
  return true;
}

}  // namespace syncd::core
