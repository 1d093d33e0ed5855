#include "sync/api/base_url.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "sync/api/address_policy.hpp"

namespace syncd::api {

namespace {

constexpr std::uint16_t https_port = 443;
constexpr std::uint16_t http_port = 80;

std::unexpected<core::Error> refuse(std::string_view text, std::string_view cause) {
  return core::fail(core::Errc::invalid, fmt::format("base URL \"{}\": {}", text, cause));
}

bool is_address(const std::string& host) {
  // The system's reader would take a NUL for the end.
  if (host.find('\0') != std::string::npos) return false;
  boost::system::error_code ec;
  boost::asio::ip::make_address(host, ec);
  return !ec;
}

bool is_host_name(std::string_view host) {
  const bool characters = std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
  return characters && !host.empty() && host.size() <= 253 && host.front() != '.' && host.front() != '-' &&
         host.find("..") == std::string_view::npos;
}

bool is_loopback_host(const std::string& host) {
  if (host == "localhost") return true;
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(host, ec);
  return !ec && is_loopback_address(address);
}

bool is_path(std::string_view path) {
  return std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#'; });
}

}  // namespace

std::string BaseUrl::authority() const {
  std::string name = host.find(':') == std::string::npos ? host : '[' + host + ']';
  if (port == (tls ? https_port : http_port)) return name;
  return fmt::format("{}:{}", name, port);
}

core::Result<BaseUrl> parse_base_url(std::string_view text) {
  constexpr std::string_view https = "https://";
  constexpr std::string_view http = "http://";
  // The text may hold a password in its user part: it is shown only when there is none.
  if (text.find('@') != std::string_view::npos) {
    return core::fail(core::Errc::invalid, "base URL: user and password do not belong into it; remove them");
  }
  std::string_view rest = text;
  BaseUrl url;
  if (rest.starts_with(https)) {
    rest.remove_prefix(https.size());
  } else if (rest.starts_with(http)) {
    url.tls = false;
    url.port = http_port;
    rest.remove_prefix(http.size());
  } else {
    return refuse(text, "must begin with https:// (or http:// for a loopback host)");
  }
  const std::size_t slash = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  while (url.path.ends_with('/'))
    url.path.pop_back();
  if (!is_path(url.path)) return refuse(text, "query, fragment or characters that a path cannot hold");

  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return refuse(text, "the bracket of the IPv6 address is not closed");
    url.host = authority.substr(1, end - 1);
    const bool is_v6 = url.host.find(':') != std::string::npos && is_address(url.host);
    if (!is_v6) return refuse(text, "not an IPv6 address between the brackets");
    port = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
    std::ranges::transform(url.host, url.host.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!is_host_name(url.host)) return refuse(text, "no valid host name or address");
  }
  if (!port.empty()) {
    const char* const end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data() + 1, end, url.port);
    if (port.front() != ':' || error != std::errc{} || stop != end || url.port == 0) {
      return refuse(text, "the port must be a number from 1 to 65535");
    }
  }
  if (!url.tls && !is_loopback_host(url.host)) {
    return refuse(
        text, "plain http would send the credentials in the clear; use https (http is for loopback only)");
  }
  return url;
}

}  // namespace syncd::api
