#include "tests/sandbox/model/text.hpp"

#include <algorithm>
#include <charconv>

namespace syncd::sandbox {
namespace {

constexpr std::string_view id_alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static_assert(id_alphabet.size() == 57);

constexpr std::array<std::string_view, endpoint_count> endpoint_names = {
    "token",       "introspect",   "jwks",       "link_session",  "exchange_token", "links",   "link",
    "link_update", "link_delete",  "reset",      "refresh",       "accounts",       "account", "transactions",
    "sync",        "webhook_test", "user_links", "user_accounts", "hook",           "unknown"};

void append_two_digits(std::string& out, unsigned value) {
  out.push_back(static_cast<char>('0' + value / 10 % 10));
  out.push_back(static_cast<char>('0' + value % 10));
}

void append_padded(std::string& out, std::uint64_t value, int digits) {
  std::array<char, 20> text{};
  for (int i = digits - 1; i >= 0; --i) {
    text[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(text.data(), static_cast<std::size_t>(digits));
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> decode64(std::string_view text, char sixty_two, char sixty_three) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
    ++padding;
  }
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    std::uint32_t value = 0;
    if (c == sixty_two) {
      value = 62;
    } else if (c == sixty_three) {
      value = 63;
    } else {
      const auto at = base64url_alphabet.substr(0, 62).find(c);
      if (at == std::string_view::npos) {
        return std::nullopt;
      }
      value = static_cast<std::uint32_t>(at);
    }
    bits = bits << 6U | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(bits >> static_cast<unsigned>(held) & 0xffU));
    }
  }
  return out;
}

}  // namespace

std::string_view endpoint_name(Endpoint endpoint) {
  return endpoint_names.at(static_cast<std::size_t>(endpoint));
}

std::optional<Endpoint> endpoint_from_name(std::string_view name) {
  const auto found = std::ranges::find(endpoint_names, name);
  if (found == endpoint_names.end()) {
    return std::nullopt;
  }
  return static_cast<Endpoint>(found - endpoint_names.begin());
}

std::string uuid_text(std::uint64_t high, std::uint64_t low) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) {
      out.push_back('-');
    }
    const std::uint64_t half = i < 16 ? high : low;
    out.push_back(hex[half >> (4U * static_cast<unsigned>(i % 16)) & 0xfU]);
  }
  return out;
}

void append_id(std::string& out, std::string_view prefix, std::uint64_t high, std::uint64_t low) {
  out.append(prefix);
  for (std::uint64_t half : {high, low}) {
    for (int i = 0; i < 11; ++i) {
      out.push_back(id_alphabet[half % 57]);
      half /= 57;
    }
  }
}

std::string make_id(std::string_view prefix, std::uint64_t high, std::uint64_t low) {
  std::string out;
  append_id(out, prefix, high, low);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out.append("\\u00");
      out.push_back(hex[byte >> 4U]);
      out.push_back(hex[byte & 0xfU]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

void append_cents(std::string& out, std::int64_t cents) {
  if (cents < 0) {
    out.push_back('-');
    cents = -cents;
  }
  append_number(out, cents / 100);
  out.push_back('.');
  append_two_digits(out, static_cast<unsigned>(cents % 100));
}

void append_date(std::string& out, std::int32_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out.push_back('-');
  append_two_digits(out, static_cast<unsigned>(date.month()));
  out.push_back('-');
  append_two_digits(out, static_cast<unsigned>(date.day()));
}

std::optional<std::int32_t> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
    return std::nullopt;
  }
  std::array<int, 3> parts{};
  constexpr std::array<std::pair<std::size_t, std::size_t>, 3> spans = {{{0, 4}, {5, 2}, {8, 2}}};
  for (std::size_t i = 0; i < 3; ++i) {
    for (const char c : text.substr(spans.at(i).first, spans.at(i).second)) {
      if (c < '0' || c > '9') {
        return std::nullopt;
      }
      parts.at(i) = parts.at(i) * 10 + (c - '0');
    }
  }
  const std::chrono::year_month_day date{std::chrono::year{parts[0]},
                                         std::chrono::month{static_cast<unsigned>(parts[1])},
                                         std::chrono::day{static_cast<unsigned>(parts[2])}};
  if (!date.ok()) {
    return std::nullopt;
  }
  return static_cast<std::int32_t>(std::chrono::sys_days{date}.time_since_epoch().count());
}

void append_timestamp(std::string& out, TimePoint at, TimestampForm form, std::uint64_t extra) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  auto rest = static_cast<std::uint64_t>((at - day).count());
  append_date(out, static_cast<std::int32_t>(day.time_since_epoch().count()));
  out.push_back('T');
  append_two_digits(out, static_cast<unsigned>(rest / 3'600'000));
  out.push_back(':');
  append_two_digits(out, static_cast<unsigned>(rest / 60'000 % 60));
  out.push_back(':');
  append_two_digits(out, static_cast<unsigned>(rest / 1000 % 60));
  out.push_back('.');
  append_padded(out, rest % 1000 * 1000 + extra % 1000, 6);
  if (form == TimestampForm::mixed) {
    form = static_cast<TimestampForm>(extra / 1000 % 3);
  }
  if (form == TimestampForm::offset) {
    out.append("+00:00");
  } else if (form == TimestampForm::zulu) {
    out.push_back('Z');
  }
}

std::string timestamp(TimePoint at, TimestampForm form, std::uint64_t extra) {
  std::string out;
  append_timestamp(out, at, form, extra);
  return out;
}

std::string http_date(TimePoint at) {
  constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const auto second = static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(at - day).count());
  std::string out{days.at(std::chrono::weekday{day}.c_encoding())};
  out.append(", ");
  append_two_digits(out, static_cast<unsigned>(date.day()));
  out.push_back(' ');
  out.append(months.at(static_cast<unsigned>(date.month()) - 1));
  out.push_back(' ');
  append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out.push_back(' ');
  append_two_digits(out, static_cast<unsigned>(second / 3600));
  out.push_back(':');
  append_two_digits(out, static_cast<unsigned>(second / 60 % 60));
  out.push_back(':');
  append_two_digits(out, static_cast<unsigned>(second % 60));
  out.append(" GMT");
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out.push_back(k <= count ? base64url_alphabet[bits >> (18U - 6U * k) & 0x3fU] : '=');
    }
  }
  return out;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  return decode64(text, '-', '_');
}
std::optional<std::string> base64_decode(std::string_view text) {
  return decode64(text, '+', '/');
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) {
        return std::nullopt;
      }
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) {
        return std::nullopt;
      }
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(hex[byte >> 4U]);
      out.push_back(hex[byte & 0xfU]);
    }
  }
  return out;
}

const std::string* Target::find(std::string_view name) const {
  const auto found = std::ranges::find(query, name, &QueryItems::value_type::first);
  return found == query.end() ? nullptr : &found->second;
}

std::vector<std::string> Target::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : query) {
    if (key == name) {
      out.push_back(value);
    }
  }
  return out;
}

std::optional<QueryItems> parse_form(std::string_view text) {
  QueryItems items;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto item = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (item.empty()) {
      continue;
    }
    const auto equals = item.find('=');
    auto name = percent_decode(item.substr(0, equals), true);
    auto value = percent_decode(equals == std::string_view::npos ? "" : item.substr(equals + 1), true);
    if (!name || !value) {
      return std::nullopt;
    }
    items.emplace_back(std::move(*name), std::move(*value));
  }
  return items;
}

std::optional<Target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') {
    return std::nullopt;
  }
  Target out;
  const auto question = target.find('?');
  if (question != std::string_view::npos) {
    auto items = parse_form(target.substr(question + 1));
    if (!items) {
      return std::nullopt;
    }
    out.query = std::move(*items);
  }
  std::string_view path = target.substr(1, question == std::string_view::npos ? question : question - 1);
  while (true) {
    const auto slash = path.find('/');
    auto segment = percent_decode(path.substr(0, slash), false);
    if (!segment) {
      return std::nullopt;
    }
    out.segments.push_back(std::move(*segment));
    if (slash == std::string_view::npos) {
      return out;
    }
    path.remove_prefix(slash + 1);
  }
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && equals_ignoring_case(key, name)) {
      return &value;
    }
  }
  return nullptr;
}

}  // namespace syncd::sandbox
