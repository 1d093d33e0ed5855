#include "tests/bench/site.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "sync/core/page.hpp"
#include "tests/sandbox/model/upstream.hpp"

namespace syncd::bench {

namespace {

const sandbox::TimePoint recorded_at{std::chrono::hours(24 * 365 * 55)};

std::string encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

std::string ask(sandbox::Upstream& upstream, const std::string& target) {
  sandbox::HttpRequest request;
  request.method = "GET";
  request.target = target;
  request.headers = {{"X-Client-Id", sandbox::UpstreamOptions{}.client_id},
                     {"X-Client-Secret", sandbox::UpstreamOptions{}.client_secret},
                     {"MoneyKit-Version", "2023-02-18"}};
  const sandbox::HttpResponse response = upstream.respond(request, recorded_at);
  if (response.status != 200)
    throw std::runtime_error(target + ": the sandbox answered " + std::to_string(response.status));
  return response.body;
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void record_link(sandbox::Upstream& upstream, const std::string& link_id, const std::filesystem::path& root,
                 Site& site) {
  const std::filesystem::path folder = root / "links" / link_id;
  std::filesystem::create_directories(folder);
  std::string cursor;
  for (bool more = true, last = false; !last;) {
    last = !more;  // once more after the end: the answer to the last cursor
    std::string target = "/links/" + link_id + "/transactions/sync?size=500";
    if (!cursor.empty()) target += "&cursor=" + encode(cursor);
    const std::string body = ask(upstream, target);
    write_file(folder / ("sync-" + encode(cursor) + ".json"), body);
    const auto page = core::parse_page(body);
    if (!page) throw std::runtime_error(page.error().message);
    if (last) {
      site.idle_target = target;
      site.idle_bytes = body.size();
    }
    site.transactions += (*page)->created.size();
    more = (*page)->has_more;
    cursor = (*page)->next;
  }
  write_file(folder / "accounts.json", ask(upstream, "/links/" + link_id + "/accounts"));
}

}  // namespace

Site record_site(const SiteOptions& options) {
  sandbox::UpstreamOptions upstream_options;
  upstream_options.budgets = sandbox::Budgets::unlimited();
  sandbox::Upstream upstream(upstream_options);
  Site site;
  for (std::uint32_t i = 0; i < options.links; ++i) {
    sandbox::NewLink link;
    link.accounts = 2;
    link.history_months = options.history_months;
    link.transactions_per_month = options.transactions_per_month;
    site.link_ids.push_back(upstream.add_link(link, recorded_at));
  }
  for (const std::string& link_id : site.link_ids)
    record_link(upstream, link_id, options.directory, site);
  return site;
}

void save_site(const std::string& directory, const Site& site) {
  std::string text = std::to_string(site.transactions) + " " + std::to_string(site.idle_bytes) + " " +
                     site.idle_target + "\n";
  for (const std::string& link_id : site.link_ids)
    text += link_id + "\n";
  write_file(std::filesystem::path(directory) / "site.txt", text);
}

Site load_site(const std::string& directory) {
  std::ifstream file(std::filesystem::path(directory) / "site.txt");
  Site site;
  file >> site.transactions >> site.idle_bytes >> site.idle_target;
  for (std::string link_id; file >> link_id;)
    site.link_ids.push_back(link_id);
  if (site.link_ids.empty()) throw std::runtime_error(directory + "/site.txt: no site was recorded there");
  return site;
}

}  // namespace syncd::bench
