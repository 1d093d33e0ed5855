#include "daemon/cli/import_commands.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "daemon/cli/import_source.hpp"
#include "daemon/cli/long_work.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/output_file.hpp"
#include "daemon/cli/progress.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

// Of lines; well below what the daemon takes of JSON, in which a character may be two.
constexpr std::size_t batch_bytes_max = 256 * 1024;
constexpr std::uint64_t faults_told_max = 20;

std::string with_commas(std::uint64_t number) {
  return grouped(fmt::format("{}", number));
}

// The file, or standard input.
class Input {
 public:
  static CliResult<Input> open(const std::string& name) {
    Input input;
    input.name_ = name == "-" ? "standard input" : name;
    input.descriptor_ = name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (input.descriptor_ < 0) return std::unexpected(input.failed());
    struct stat known{};
    const bool is_file = fstat(input.descriptor_, &known) == 0 && S_ISREG(known.st_mode);
    if (is_file) input.size_ = static_cast<std::uint64_t>(known.st_size);
    return input;
  }
  Input(Input&& other) noexcept
      : name_(std::move(other.name_)),
        size_(other.size_),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  Input& operator=(Input&&) = delete;
  ~Input() {
    if (descriptor_ > STDIN_FILENO) close(descriptor_);
  }

  CliResult<std::size_t> read(char* into, std::size_t room) const {
    while (true) {
      const ssize_t got = ::read(descriptor_, into, room);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return std::unexpected(failed());
    }
  }
  const std::string& name() const { return name_; }
  std::optional<std::uint64_t> size() const { return size_; }

 private:
  Input() = default;
  CliError failed() const {
    return {daemon::exit_io,
            fmt::format("cannot read {}: {}", printable(name_), std::generic_category().message(errno))};
  }

  std::string name_;
  std::optional<std::uint64_t> size_;
  int descriptor_ = -1;
};

void write_link(daemon::JsonWriter& writer, const engine::NewLink& link) {
  writer.begin_object().member("link_id", std::string_view(link.link_id.str()));
  if (!link.customer_user_id.empty())
    writer.member("customer_user_id", std::string_view(link.customer_user_id));
  if (!link.tags.empty()) {
    writer.key("tags").begin_array();
    for (const std::string& tag : link.tags)
      writer.string(tag);
    writer.end_array();
  }
  writer.end_object();
}

// One import, from its first line to its last.
class Import {
 public:
  Import(const Session& session, const Input& input, std::optional<ImportFormat> format,
         std::optional<OutputFile> rejects)
      : session_(session),
        input_(input),
        source_([&input](char* into, std::size_t room) { return input.read(into, room); }, format),
        rejects_(std::move(rejects)),
        client_(session.client, [this] { progress_.clear(); }) {}

  CliResult<void> run() {
    while (true) {
      auto row = source_.next();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      if (auto taken = take(std::move(**row)); !taken) return taken;
      const bool full = batch_.size() == engine::import_links_max || batch_bytes_ > batch_bytes_max;
      if (full) {
        if (auto sent = send(); !sent) return sent;
      }
      progress_.show(counts_.lines, source_.bytes_taken(), input_.size());
    }
    return send();
  }

  // Also of what an error has cut off.
  CliResult<void> keep_rejects() {
    progress_.clear();
    const std::uint64_t told = counts_.bad + counts_.refused;
    if (told > faults_told_max) {
      fmt::print(stderr, "and {} more lines that were not taken{}\n", with_commas(told - faults_told_max),
                 rejects_ ? "" : "; --rejects FILE writes them all");
    }
    return rejects_ ? rejects_->commit() : CliResult<void>{};
  }

  const ImportCounts& counts() const { return counts_; }

 private:
  CliResult<void> take(ImportRow row) {
    ++counts_.lines;
    if (!row.link) {
      ++counts_.bad;
      return reject(row, row.link.error());
    }
    if (seen_.add(row.link->link_id.str())) ++counts_.repeated;
    if (session_.dry_run) return {};
    batch_bytes_ += row.text.size();
    batch_.push_back(std::move(row));
    return {};
  }

  CliResult<void> reject(const ImportRow& row, std::string_view why) {
    if (counts_.bad + counts_.refused <= faults_told_max) {
      progress_.clear();
      fmt::print(stderr, "{}:{}: {}\n", printable(input_.name()), row.line, printable(why));
    }
    if (!rejects_) return {};
    if (!rejects_begun_) {
      rejects_begun_ = true;
      if (auto written = rejects_->write(source_.header()); !written) return written;
    }
    return rejects_->write(row.text + "\n");
  }

  std::string body() const {
    daemon::JsonWriter writer;
    writer.begin_object().key("items").begin_array();
    for (const ImportRow& row : batch_)
      write_link(writer, *row.link);
    writer.end_array().end_object();
    return writer.take();
  }

  CliResult<void> send() {
    if (batch_.empty()) return {};
    const auto answer = client_.post("/v1/links:import", body());
    if (!answer) {
      CliError error = answer.error();
      error.message +=
          fmt::format("; the import stopped before line {}. Run it again: what is registered is passed over",
                      batch_.front().line);
      return std::unexpected(std::move(error));
    }
    const JsonValue* items = answer->value.find("items");
    if (items == nullptr || items->items.size() != batch_.size()) {
      return std::unexpected(
          CliError{daemon::exit_failure, "the daemon's answer does not fit what it was sent"});
    }
    for (std::size_t at = 0; at < batch_.size(); ++at) {
      if (auto noted = note(batch_[at], items->items[at]); !noted) return noted;
    }
    batch_.clear();
    batch_bytes_ = 0;
    return {};
  }

  CliResult<void> note(const ImportRow& row, const JsonValue& outcome) {
    const std::string result = outcome.at("result");
    counts_.added += result == "added" ? 1 : 0;
    counts_.existed += result == "existed" ? 1 : 0;
    if (result == "added" || result == "existed") return {};
    ++counts_.refused;
    return reject(row, outcome.at("message"));
  }

  const Session& session_;
  const Input& input_;
  ProgressLine progress_{"lines"};
  ImportSource source_;
  std::optional<OutputFile> rejects_;
  bool rejects_begun_ = false;
  PatientClient client_;
  ImportCounts counts_;
  SeenIds seen_;
  std::vector<ImportRow> batch_;
  std::size_t batch_bytes_ = 0;
};

std::optional<ImportFormat> format_of(const ImportOptions& options) {
  if (options.format.empty()) return format_of_name(options.file);
  return options.format == "csv" ? ImportFormat::csv : ImportFormat::ndjson;
}

}  // namespace

std::string render_import(const ImportCounts& counts, bool dry_run, bool complete) {
  std::string line = plural(counts.lines, "line", "lines");
  if (dry_run) {
    line += fmt::format(": {} good, {} bad", with_commas(counts.lines - counts.bad), with_commas(counts.bad));
  } else {
    line += fmt::format(": {} added, {} registered before", with_commas(counts.added),
                        with_commas(counts.existed));
    if (counts.bad > 0) line += fmt::format(", {} bad", with_commas(counts.bad));
    if (counts.refused > 0) line += fmt::format(", {} refused", with_commas(counts.refused));
  }
  if (counts.repeated > 0) line += fmt::format("; {} named an id again", with_commas(counts.repeated));
  if (dry_run) line += "; nothing was sent";
  return line + (complete ? "\n" : "; the rest was not read\n");
}

std::string import_json(const ImportCounts& counts, bool dry_run, bool complete) {
  daemon::JsonWriter writer;
  writer.begin_object().member("lines", counts.lines);
  writer.member("added", counts.added).member("existed", counts.existed);
  writer.member("repeated", counts.repeated).member("bad", counts.bad).member("refused", counts.refused);
  writer.member("complete", complete).member("dry_run", dry_run).end_object();
  return writer.take();
}

CliResult<int> import_links(const Session& session, const ImportOptions& options) {
  const auto input = Input::open(options.file);
  if (!input) return std::unexpected(input.error());
  std::optional<OutputFile> rejects;
  if (!options.rejects.empty()) {
    auto opened = OutputFile::open(options.rejects);
    if (!opened) return std::unexpected(opened.error());
    rejects.emplace(std::move(*opened));
  }
  Import import(session, *input, format_of(options), std::move(rejects));
  const auto done = import.run();
  const auto kept = import.keep_rejects();
  const ImportCounts& counts = import.counts();
  if (session.json) {
    print_json(import_json(counts, session.dry_run, done.has_value()));
  } else {
    print(render_import(counts, session.dry_run, done.has_value()));
  }
  if (!done) return std::unexpected(done.error());
  if (!kept) return std::unexpected(kept.error());
  return counts.all_taken() ? daemon::exit_ok : daemon::exit_failure;
}

}  // namespace syncd::cli
