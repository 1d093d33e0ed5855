#include "daemon/cli/export_commands.hpp"

#include <charconv>
#include <cstdio>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "daemon/cli/export_rows.hpp"
#include "daemon/cli/long_work.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/output_file.hpp"
#include "daemon/cli/progress.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t page_items = 1000;

std::uint64_t to_number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// One export, from its first row to its last.
class Export {
 public:
  Export(const Session& session, const ExportOptions& options, Exported what, OutputFile output)
      : session_(session),
        options_(options),
        what_(what),
        is_csv_(options.format.empty() ? options.output.ends_with(".csv") : options.format == "csv"),
        output_(std::move(output)),
        client_(session.client, [this] { progress_.clear(); }) {}

  CliResult<void> run() {
    if (auto begun = begin(); !begun) return begun;
    if (is_csv_) {
      if (auto written = output_.write(csv_header(what_)); !written) return written;
    }
    if (auto read = read_all(); !read) return read;
    progress_.clear();
    return output_.commit();
  }

  void tell() const {
    const bool to_file = !output_.is_standard_output();
    std::string text;
    if (session_.json) {
      daemon::JsonWriter writer;
      writer.begin_object().member("what", to_string(what_)).member("rows", rows_).member("links", links_);
      if (what_ == Exported::feed) writer.member("epoch", std::string_view(epoch_)).member("last", last_);
      writer.end_object();
      text = writer.take() + "\n";
    } else {
      text = fmt::format("{} of {}{}\n", plural(rows_, "row", "rows"), to_string(what_),
                         to_file ? " written to " + printable(options_.output) : "");
    }
    // Where the rows go to standard output nothing else may.
    if (to_file) {
      print(text);
    } else {
      fmt::print(stderr, "{}", text);
    }
  }

 private:
  using Each = std::function<CliResult<void>(const JsonValue& item)>;

  // That everything is read is an act; of one link it is a look.
  CliResult<void> begin() {
    if (!options_.link_id.empty()) return {};
    daemon::JsonWriter writer;
    writer.begin_object().member("what", to_string(what_)).end_object();
    const auto begun = client_.post("/v1/exports", writer.take());
    if (!begun) return std::unexpected(begun.error());
    const auto status = client_.get("/v1/status");
    if (!status) return std::unexpected(status.error());
    links_there_ = to_number(status->value.at("links.total", "0"));
    feed_first_ = std::max<std::uint64_t>(to_number(status->value.at("feed.first", "1")), 1);
    return {};
  }

  CliResult<void> read_all() {
    if (what_ == Exported::feed) return read_feed();
    if (!options_.link_id.empty()) return read_link(options_.link_id);
    return each_of("/v1/links", [this](const JsonValue& link) -> CliResult<void> {
      ++links_;
      show(links_, links_there_);
      if (what_ == Exported::links) return write(link.at("link_id", ""), link);
      auto read = read_link(link.at("link_id", ""));
      const bool left = !read && read.error().problem == "link_not_found";
      return left ? CliResult<void>{} : read;  // removed since the page was read
    });
  }

  CliResult<void> read_link(const std::string& link_id) {
    if (what_ == Exported::links) {
      const auto link = client_.get(link_path(link_id));
      if (!link) return std::unexpected(link.error());
      return write(link_id, link->value);
    }
    return each_of(link_path(link_id, fmt::format("/{}", to_string(what_))),
                   [&](const JsonValue& item) { return write(link_id, item); });
  }

  CliResult<void> each_of(const std::string& path, const Each& each) {
    std::string after;
    do {
      std::string target = fmt::format("{}?limit={}", path, page_items);
      if (!after.empty()) target += "&after=" + percent_encoded(after);
      const auto page = client_.get(target);
      if (!page) return std::unexpected(page.error());
      if (const JsonValue* items = page->value.find("items"); items != nullptr) {
        for (const JsonValue& item : items->items) {
          if (auto done = each(item); !done) return done;
        }
      }
      after = page->value.at("next", "");
    } while (!after.empty());
    return {};
  }

  // Up to what was its end when this began.
  CliResult<void> read_feed() {
    last_ = options_.after.value_or(feed_first_ - 1);
    const std::uint64_t from = last_;
    std::optional<std::uint64_t> head;
    do {
      const auto page = client_.get(fmt::format("/v1/feed?after={}&limit={}", last_, page_items));
      if (!page) return std::unexpected(page.error());
      if (auto fits = check_position(page->value, head); !fits) return fits;
      if (auto written = write_page(page->value, *head); !written) return written;
      show(last_ - from, *head - from);
    } while (last_ < *head);
    return {};
  }

  CliResult<void> check_position(const JsonValue& page, std::optional<std::uint64_t>& head) {
    const std::uint64_t now = to_number(page.at("head", "0"));
    if (!head && now < last_) {
      return std::unexpected(CliError{
          daemon::exit_failure,
          fmt::format("the feed ends at {}, so {} is of no entry of it: was it noted in another epoch? "
                      "docs/feed.md says what to do then",
                      now, last_)});
    }
    const std::string epoch = page.at("epoch");
    if (head && epoch != epoch_) {
      return std::unexpected(
          CliError{daemon::exit_failure, "the feed began anew while it was exported: export it once more"});
    }
    if (!head) head = now;
    epoch_ = epoch;
    return {};
  }

  CliResult<void> write_page(const JsonValue& page, std::uint64_t head) {
    const JsonValue* items = page.find("items");
    if (items == nullptr || items->items.empty()) {
      last_ = head;
      return {};
    }
    for (const JsonValue& entry : items->items) {
      const std::uint64_t sequence = to_number(entry.at("seq", "0"));
      if (sequence > head) break;
      last_ = sequence;
      const std::string link_id = entry.at("link_id", "");
      if (!options_.link_id.empty() && link_id != options_.link_id) continue;
      if (auto written = write(link_id, entry); !written) return written;
    }
    return {};
  }

  CliResult<void> write(const std::string& link_id, const JsonValue& item) {
    ++rows_;
    show(0, 0);
    const Formulas formulas = options_.raw ? Formulas::keep : Formulas::guard;
    return output_.write(is_csv_ ? csv_row(what_, link_id, item, formulas)
                                 : ndjson_line(what_, link_id, item));
  }

  // Zeros: as before.
  void show(std::uint64_t part, std::uint64_t whole) {
    if (whole > 0) part_ = part;
    if (whole > 0) whole_ = whole;
    progress_.show(rows_, part_, whole_);
  }

  const Session& session_;
  const ExportOptions& options_;
  const Exported what_;
  const bool is_csv_;
  OutputFile output_;
  ProgressLine progress_{"rows"};
  PatientClient client_;
  std::uint64_t rows_ = 0, links_ = 0, links_there_ = 0;
  std::uint64_t feed_first_ = 1;
  std::uint64_t last_ = 0;  // of the feed: the sequence up to which it is written
  std::string epoch_;
  std::uint64_t part_ = 0;
  std::optional<std::uint64_t> whole_;
};

}  // namespace

CliResult<int> export_all(const Session& session, const ExportOptions& options) {
  const auto what = parse_exported(options.what);
  if (!what || (options.after && *what != Exported::feed)) {
    return std::unexpected(CliError{daemon::exit_usage, "--after is of the feed only"});
  }
  auto output = OutputFile::open(options.output);
  if (!output) return std::unexpected(output.error());
  Export all(session, options, *what, std::move(*output));
  if (auto done = all.run(); !done) return std::unexpected(done.error());
  all.tell();
  return daemon::exit_ok;
}

}  // namespace syncd::cli
