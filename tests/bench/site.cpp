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

std::string add_link(sandbox::Upstream& upstream, std::uint32_t history_months,
                     std::uint32_t transactions_per_month) {
  sandbox::NewLink link;
  link.accounts = 2;
  link.history_months = history_months;
  link.transactions_per_month = transactions_per_month;
  return upstream.add_link(link, recorded_at);
}

// Asks for every page; `visit(target, cursor, body, page)`, the last time for the answer behind the end.
template <class Visit>
void walk_feed(sandbox::Upstream& upstream, const std::string& link_id, Visit visit) {
  std::string cursor;
  for (bool more = true, last = false; !last;) {
    last = !more;  // once more after the end: the answer to the last cursor
    std::string target = "/links/" + link_id + "/transactions/sync?size=500";
    if (!cursor.empty()) target += "&cursor=" + encode(cursor);
    const std::string body = ask(upstream, target);
    const auto page = core::parse_page(body);
    if (!page) throw std::runtime_error(page.error().message);
    visit(target, cursor, body, **page, last);
    more = (*page)->has_more;
    cursor = (*page)->next;
  }
}

void record_link(sandbox::Upstream& upstream, const std::string& link_id, const std::filesystem::path& root,
                 Site& site) {
  const std::filesystem::path folder = root / "links" / link_id;
  std::filesystem::create_directories(folder);
  walk_feed(upstream, link_id,
            [&](const std::string& target, const std::string& cursor, const std::string& body,
                const core::Page& page, bool last) {
              write_file(folder / ("sync-" + encode(cursor) + ".json"), body);
              site.transactions += page.created.size();
              if (!last) return;
              site.idle_target = target;
              site.idle_bytes = body.size();
            });
  write_file(folder / "accounts.json", ask(upstream, "/links/" + link_id + "/accounts"));
}

}  // namespace

Site record_site(const SiteOptions& options) {
  sandbox::UpstreamOptions upstream_options;
  upstream_options.budgets = sandbox::Budgets::unlimited();
  sandbox::Upstream upstream(upstream_options);
  Site site;
  for (std::uint32_t i = 0; i < options.links; ++i)
    site.link_ids.push_back(add_link(upstream, options.history_months, options.transactions_per_month));
  for (const std::string& link_id : site.link_ids)
    record_link(upstream, link_id, options.directory, site);
  return site;
}

RecordedLink record_one_link(std::uint32_t history_months, std::uint32_t transactions_per_month) {
  sandbox::UpstreamOptions upstream_options;
  upstream_options.budgets = sandbox::Budgets::unlimited();
  sandbox::Upstream upstream(upstream_options);
  RecordedLink recorded;
  recorded.link_id = add_link(upstream, history_months, transactions_per_month);
  walk_feed(upstream, recorded.link_id,
            [&](const std::string& target, const std::string&, const std::string& body, const core::Page&,
                bool last) {
              if (!last) {
                recorded.pages.push_back(body);
                return;
              }
              recorded.idle_target = target;
              recorded.idle_body = body;
            });
  recorded.accounts_body = ask(upstream, "/links/" + recorded.link_id + "/accounts");
  return recorded;
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
