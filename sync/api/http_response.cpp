#include "sync/api/http_response.hpp"

#include <functional>
#include <optional>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "sync/core/page.hpp"

namespace syncd::api {

namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr std::string_view header_too_large = "header larger than allowed";

std::string_view to_std(string_view text) {
  return {text.data(), text.size()};
}

// Beast finds the structure, ResponseHead judges it. No container of fields: nothing is kept that is not
// used.
class Parser final : public http::basic_parser<false> {
 public:
  explicit Parser(const ResponseLimits& limits) : head(limits) {
    // Beast limits what it sees of a header at once, which depends on the pieces: its limit lies behind ours.
    header_limit(static_cast<std::uint32_t>(limits.header_bytes_max) + 1);
    body_limit(limits.body_bytes_max);
  }

  ResponseHead head;
  std::string body;
  Verdict verdict;
  std::string_view input;        // of the current put()
  std::size_t header_bytes = 0;  // so far, as they stand on the wire

 private:
  void judge(Verdict found, error_code& ec) {
    if (found.empty()) return;
    verdict = found;
    ec = http::error::bad_field;  // any error stops the parser; the verdict says why
  }

  // A folded value is either put together elsewhere or begins behind a line break.
  bool is_folded(string_view name, string_view value) const {
    const std::less_equal<const char*> not_after;
    const char* const name_end = name.data() + name.size();
    if (!not_after(name_end, value.data()) ||
        !not_after(value.data() + value.size(), input.data() + input.size())) {
      return true;
    }
    return std::string_view(name_end, value.data()).find('\n') != std::string_view::npos;
  }

  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int status, string_view, int version, error_code& ec) override {
    judge(head.status_line(status, version), ec);
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code& ec) override {
    if (is_header_done()) return judge("trailer fields after the body", ec);
    judge(head.field(to_std(name), to_std(value), is_folded(name, value)), ec);
  }
  void on_header_impl(error_code& ec) override { judge(head.finish(), ec); }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    // At most body_bytes_max, already checked.
    if (length) body.reserve(static_cast<std::size_t>(*length) + core::body_padding_bytes);
  }
  std::size_t on_body_impl(string_view bytes, error_code&) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view extensions, error_code& ec) override {
    if (!extensions.empty()) judge("chunk extensions", ec);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(error_code&) override {}
};

}  // namespace

struct ResponseReader::Impl {
  explicit Impl(const ResponseLimits& reader_limits) : limits(reader_limits) {}

  ResponseLimits limits;
  std::optional<Parser> parser;
  unsigned informational = 0;
  std::string refusal;
};

ResponseReader::ResponseReader(const ResponseLimits& limits) : impl_(std::make_unique<Impl>(limits)) {
  begin();
}

ResponseReader::~ResponseReader() = default;

void ResponseReader::begin() {
  impl_->parser.emplace(impl_->limits);
  impl_->informational = 0;
  impl_->refusal.clear();
}

ResponseReader::Progress ResponseReader::feed(std::string_view bytes) {
  Progress progress;
  const auto refuse = [&](std::string_view why) {
    impl_->refusal.assign(why);
    progress.state = State::refused;
    return progress;
  };
  for (;;) {
    Parser& parser = *impl_->parser;
    parser.input = bytes.substr(progress.consumed);
    if (parser.input.empty()) return progress;
    // Beast asserts that it is not asked again about the last chunk before 5 bytes of it are there. The rest
    // of a chunked body is never shorter, so waiting for them cannot wait too long.
    constexpr std::size_t last_chunk_bytes_min = 5;
    const bool in_chunks = parser.is_header_done() && parser.chunked();
    if (in_chunks && parser.input.size() < last_chunk_bytes_min) return progress;
    error_code ec;
    const bool in_header = !parser.is_header_done();
    parser.eager(!in_header);  // so that nothing of a body is counted with the header
    const std::size_t taken =
        parser.put(boost::asio::const_buffer(parser.input.data(), parser.input.size()), ec);
    progress.consumed += taken;
    if (!parser.verdict.empty()) return refuse(parser.verdict);
    if (in_header) parser.header_bytes += taken;
    if (parser.header_bytes > impl_->limits.header_bytes_max) return refuse(header_too_large);
    if (ec == http::error::need_more) {
      // Beast waits for the end of a chunk's size line without a limit of its own.
      if (bytes.size() - progress.consumed >= impl_->limits.header_bytes_max) {
        return refuse(in_header ? header_too_large : "chunk header larger than allowed");
      }
      return progress;
    }
    if (ec == http::error::body_limit) return refuse(body_too_large);
    if (ec) return refuse(ec.message());
    if (!parser.is_done()) continue;
    if (!parser.head.informational()) {
      progress.state = State::complete;
      return progress;
    }
    if (++impl_->informational > impl_->limits.informational_max) return refuse("too many interim answers");
    impl_->parser.emplace(impl_->limits);
  }
}

const std::string& ResponseReader::refusal() const {
  return impl_->refusal;
}

bool ResponseReader::keep_alive() const {
  return impl_->parser->head.keep_alive();
}

HttpReply ResponseReader::take_reply() {
  Parser& parser = *impl_->parser;
  HttpReply reply;
  reply.status = parser.head.status();
  reply.json = parser.head.json();
  reply.retry_after = std::move(parser.head.retry_after());
  reply.date = std::move(parser.head.date());
  reply.body = std::move(parser.body);
  reply.body.reserve(reply.body.size() + core::body_padding_bytes);
  return reply;
}

}  // namespace syncd::api
