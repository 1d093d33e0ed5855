#include "daemon/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_ip(int family, std::string_view text) {
  // The system's reader would take a NUL for the end.
  if (text.find('\0') != std::string_view::npos) return false;
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(family, std::string(text).c_str(), bytes.data()) == 1;
}

struct HostPort {
  std::string host;
  bool bracketed = false;
  std::optional<std::string_view> port;
};

std::optional<HostPort> split_host_port(std::string_view text) {
  HostPort result;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    result.host = text.substr(1, close - 1);
    result.bracketed = true;
    rest = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    result.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (rest.empty()) return result;
  if (rest.front() != ':') return std::nullopt;
  result.port = rest.substr(1);
  return result;
}

constexpr std::size_t host_name_bytes_max = 253;

bool is_host_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  if (text.empty() || text.size() > host_name_bytes_max || !std::ranges::all_of(text, plain)) return false;
  const bool empty_label = text.starts_with('.') || text.ends_with('.') || text.contains("..");
  return !empty_label;
}

bool is_host(std::string_view text) {
  const std::optional<HostPort> parts = split_host_port(text);
  if (!parts || (parts->port && parse_port(*parts->port).value_or(0) == 0)) return false;
  return parts->bracketed ? is_ip(AF_INET6, parts->host) : is_host_name(parts->host);
}

}  // namespace

std::expected<ListenAddress, std::string> parse_listen_address(std::string_view text) {
  const std::optional<HostPort> parts = split_host_port(text);
  if (!parts || !parts->port) return std::unexpected("is not of the form ADDRESS:PORT");
  ListenAddress listen;
  listen.address = parts->host == "localhost" ? "127.0.0.1" : parts->host;
  if (!is_ip(parts->bracketed ? AF_INET6 : AF_INET, listen.address)) {
    return std::unexpected("does not begin with an IP address");
  }
  const std::optional<std::uint16_t> port = parse_port(*parts->port);
  if (!port) return std::unexpected("has a port that is not between 0 and 65535");
  listen.port = *port;
  return listen;
}

bool is_loopback(const ListenAddress& listen) {
  return listen.address == "::1" || listen.address.starts_with("127.");
}

std::expected<std::vector<std::string>, std::string> parse_hosts(std::string_view text) {
  std::vector<std::string> hosts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    std::string host{text.substr(0, end)};
    text.remove_prefix(std::min(end + 1, text.size()));
    if (host.empty()) continue;
    std::ranges::transform(host, host.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!is_host(host)) return std::unexpected(fmt::format("\"{}\" is not of the form HOST[:PORT]", host));
    if (hosts.size() == hosts_max) return std::unexpected(fmt::format("names more than {} hosts", hosts_max));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

}  // namespace syncd::daemon
