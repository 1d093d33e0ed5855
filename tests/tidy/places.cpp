#include "tests/tidy/places.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace syncd::tidy {
namespace {

constexpr std::array<std::string_view, 7> folders{"sync/core", "sync/api", "sync/engine", "store",
                                                  "metrics",   "daemon",   "tests"};

// daemon -> sync/engine -> {sync/api, store} -> sync/core; metrics -> sync/core; daemon composes all.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> directions{{
    {"sync/core", "sync/core"},
    {"sync/api", "sync/api sync/core"},
    {"store", "store sync/core"},
    {"sync/engine", "sync/engine sync/api store sync/core"},
    {"metrics", "metrics sync/core"},
    {"daemon", "daemon metrics sync/engine sync/api store sync/core"},
    {"tests", "*"},
}};

constexpr std::string_view beast_files =
    "sync/api/boost_impl.cpp sync/api/https_transport*.cpp sync/api/http_*.cpp daemon/admin/http_s*.cpp "
    "daemon/http_*.cpp daemon/cli/http_*.cpp daemon/cli/admin_client.cpp";

constexpr std::array<HeaderPlace, 8> header_places{{
    {"simdjson", "sync/core/*.cpp", "read JSON through the reader in sync/core"},
    {"rocksdb/", "store/*.cpp store/*_impl.hpp", "speak to the store through store/store.hpp"},
    {"prometheus/", "metrics/*.cpp", "use the handles of metrics/"},
    {"boost/beast", beast_files,
     "keep Beast out of headers and behind one .cpp: it costs 20 s of compile time"},
    {"spdlog/", "daemon/log*", "log through daemon/log.hpp"},
    {"systemd/", "daemon/notify* daemon/admin/*listener* daemon/credentials*", "use daemon/notify.hpp"},
    {"toml++/", "daemon/config*", "read configuration through daemon/config.hpp"},
    {"CLI/", "daemon/main* daemon/cli/* daemon/options*", "parse arguments in the programs' main files"},
}};

}  // namespace

std::string_view folder_of(std::string_view path) {
  for (const std::string_view folder : folders) {
    if (path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/') {
      return folder;
    }
  }
  return {};
}

bool include_allowed(std::string_view from, std::string_view to) {
  const auto row = std::ranges::find(directions, from, &std::pair<std::string_view, std::string_view>::first);
  return row == directions.end() || any_matches(row->second, to);
}

bool matches(std::string_view pattern, std::string_view path) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) {
    return pattern == path;
  }
  if (!path.starts_with(pattern.substr(0, star))) {
    return false;
  }
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= path.size(); ++at) {
    if (matches(rest, path.substr(at))) {
      return true;
    }
  }
  return false;
}

bool any_matches(std::string_view patterns, std::string_view path) {
  while (!patterns.empty()) {
    const std::size_t end = std::min(patterns.find(' '), patterns.size());
    if (matches(patterns.substr(0, end), path)) {
      return true;
    }
    patterns.remove_prefix(std::min(end + 1, patterns.size()));
  }
  return false;
}

const HeaderPlace* header_place(std::string_view header) {
  for (const HeaderPlace& place : header_places) {
    if (header.starts_with(place.header)) {
      return &place;
    }
  }
  return nullptr;
}

}  // namespace syncd::tidy
