#include "daemon/admin/page.hpp"

#include <algorithm>
#include <page_data.hpp>

namespace syncd::daemon {

const PageFile* page_file(std::string_view path) {
  const auto found = std::ranges::find(page_data::files, path, &page_data::Named::path);
  return found == page_data::files.end() ? nullptr : &found->file;
}

std::vector<std::string_view> page_paths() {
  std::vector<std::string_view> paths;
  for (const page_data::Named& named : page_data::files)
    paths.push_back(named.path);
  std::ranges::sort(paths);
  return paths;
}

}  // namespace syncd::daemon
