#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http.hpp>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/routes.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/echo_view.hpp"
#include "tests/fuzz/support/expected.hpp"

// The bytes of a request to the admin API, read as the server reads them and routed to a process that notes
// what it is asked. The pieces in which they arrive change nothing. Every answer is JSON (or a probe's line)
// and says its own status; only POST changes anything, at most one thing, which is noted; the process is
// asked only about valid ids, namely the one in the path decoded once, and only within bounds. The body of a
// new link is accepted exactly when the second JSON reader finds the members it may have.
namespace syncd::fuzz {
namespace {

namespace http = boost::beast::http;
using daemon::HttpRequest;
using daemon::HttpResponse;
using Kind = JsonNode::Kind;

struct Received {
  bool whole = false;
  std::size_t consumed = 0;
  HttpRequest request;
};

std::string_view view_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

Received receive(std::string_view text, const std::vector<std::size_t>& pieces) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(1024);
  parser.body_limit(1024);
  parser.eager(true);
  Received received;
  std::string held;
  std::size_t given = 0;
  for (std::size_t i = 0; given < text.size() && !parser.is_done(); ++i) {
    const std::size_t size = std::min(pieces[i % pieces.size()], text.size() - given);
    held += text.substr(given, size);
    given += size;
    // The parser asserts that it is not asked about a last chunk of which less than this is there.
    if (parser.is_header_done() && parser.chunked() && held.size() < 5) continue;
    boost::beast::error_code ec;
    const std::vector<char> exact(held.begin(), held.end());
    const std::size_t consumed = parser.put(boost::asio::const_buffer(exact.data(), exact.size()), ec);
    held.erase(0, consumed);
    received.consumed += consumed;
    if (ec && ec != http::error::need_more) return received;
  }
  received.whole = parser.is_done();
  if (!received.whole) return received;
  http::request<http::string_body> message = parser.release();
  const bool head = message.method() == http::verb::head;
  received.request.method = head ? "GET" : std::string(view_of(message.method_string()));
  received.request.target = view_of(message.target());
  received.request.content_type = view_of(message[http::field::content_type]);
  received.request.body = std::move(message.body());
  return received;
}

void check_alike(const Received& a, const Received& b) {
  FUZZ_CHECK(a.whole == b.whole, "pieces do not decide");
  if (!a.whole) return;
  FUZZ_CHECK(a.consumed == b.consumed, "a request ends where it says");
  FUZZ_CHECK(a.request.method == b.request.method && a.request.target == b.request.target &&
                 a.request.content_type == b.request.content_type && a.request.body == b.request.body,
             "pieces change nothing");
}

// What was read of it; it is looked at again behind the answer.
HttpRequest copy_of(const HttpRequest& request) {
  HttpRequest copy;
  copy.method = request.method;
  copy.target = request.target;
  copy.content_type = request.content_type;
  copy.body = request.body;
  return copy;
}

HttpResponse ask(EchoView& view, HttpRequest request) {
  request.peer = daemon::Peer{.uid = 1000, .gid = 1000};
  daemon::AdminRoutes routes(view);
  boost::asio::io_context io(1);
  HttpResponse response;
  std::exception_ptr thrown;
  auto done = [&](std::exception_ptr error, HttpResponse answer) {
    thrown = error;
    response = std::move(answer);
  };
  boost::asio::co_spawn(io.get_executor(), routes.handle(std::move(request)), done);
  io.run();
  FUZZ_CHECK(!thrown, "nothing is thrown");
  return response;
}

// The path's third segment, decoded; the target was accepted, so its escapes are good.
std::string id_in(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  for (int i = 0; i < 3; ++i)
    path.remove_prefix(std::min(path.find('/'), path.size() - 1) + 1);
  path = path.substr(0, path.find('/'));
  std::string id;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const bool escape = path[at] == '%';
    id += escape ? static_cast<char>(std::stoi(std::string(path.substr(at + 1, 2)), nullptr, 16)) : path[at];
    at += escape ? 2 : 0;
  }
  return id;
}

void check_response(const HttpResponse& response) {
  constexpr int possible[] = {200, 201, 202, 400, 404, 405, 415};
  FUZZ_CHECK(std::ranges::find(possible, response.status) != std::end(possible), "the status is a known one");
  FUZZ_CHECK((response.status == 405) == !response.allow.empty(), "405 says what is allowed");
  if (response.content_type.starts_with("text/plain")) return;
  static JsonTree tree;
  FUZZ_CHECK_SAYING(tree.read(response.body), "an answer is JSON", response.body);
  if (response.status < 400) return;
  FUZZ_CHECK(response.content_type == "application/problem+json", "a refusal is a problem");
  FUZZ_CHECK(text_of(tree.member(tree.root(), "status")) == std::to_string(response.status),
             "it says its status");
}

void check_questions(const EchoView& view, const HttpRequest& request, const HttpResponse& response) {
  int changes = 0;
  for (const EchoView::Question& question : view.questions) {
    changes += question.changes ? 1 : 0;
    FUZZ_CHECK(question.limit >= 1 && question.limit <= 1000, "a list is bounded");
    FUZZ_CHECK(question.wait <= std::chrono::minutes(1), "a wait is bounded");
    FUZZ_CHECK(question.after.size() <= daemon::place_bytes_max, "a place in a list is bounded");
    if (question.link_id.empty()) continue;
    FUZZ_CHECK(core::is_valid_id(question.link_id), "only valid ids are asked for");
    const bool from_body = view.added.has_value();
    FUZZ_CHECK(from_body || question.link_id == id_in(request.target), "the id is the one in the path");
  }
  FUZZ_CHECK(response.status < 400 || view.questions.empty(), "a refused request asks nothing");
  FUZZ_CHECK(changes == 0 || (changes == 1 && request.method == "POST"), "only POST changes, and one thing");
  FUZZ_CHECK(view.actions == changes, "every change is noted");
}

bool is_tag_list(const JsonTree& tree, const JsonNode* tags) {
  if (tags == nullptr) return true;
  if (tags->kind != Kind::array || tags->children > 32) return false;
  for (const JsonNode* tag = tree.first(*tags); tag != nullptr; tag = tree.next(*tag)) {
    if (tag->kind != Kind::text || tag->text.empty() || tag->text.size() > 128) return false;
  }
  return true;
}

bool is_new_link(const JsonTree& tree, const JsonNode& root) {
  if (root.kind != Kind::object || !is_id(tree.member(root, "link_id"))) return false;
  const JsonNode* user = tree.member(root, "customer_user_id");
  const JsonNode* tags = tree.member(root, "tags");
  const std::size_t known = 1u + (user != nullptr ? 1u : 0u) + (tags != nullptr ? 1u : 0u);
  return (user == nullptr || is_id(user)) && is_tag_list(tree, tags) && root.children == known;
}

void check_new_link(const EchoView& view, const std::string& body) {
  static JsonTree tree;
  FUZZ_CHECK(view.added.has_value() == (tree.read(body) && is_new_link(tree, tree.root())),
             "a good body is accepted, no other");
  if (!view.added) return;
  const JsonNode& root = tree.root();
  FUZZ_CHECK(view.added->link_id.str() == text_of(tree.member(root, "link_id")), "the id is the one written");
  FUZZ_CHECK(view.added->customer_user_id == text_of(tree.member(root, "customer_user_id")),
             "so is the user");
  const JsonNode* tags = tree.member(root, "tags");
  const JsonNode* tag = tags == nullptr ? nullptr : tree.first(*tags);
  for (const std::string& added : view.added->tags) {
    FUZZ_CHECK(tag != nullptr && added == tag->text, "so are the tags");
    tag = tree.next(*tag);
  }
  FUZZ_CHECK(tag == nullptr, "all of them");
}

bool is_import(const JsonTree& tree) {
  const JsonNode& root = tree.root();
  const JsonNode* items = root.kind == Kind::object ? tree.member(root, "items") : nullptr;
  if (items == nullptr || root.children != 1 || items->kind != Kind::array || items->children > 1000)
    return false;
  for (const JsonNode* item = tree.first(*items); item != nullptr; item = tree.next(*item)) {
    if (!is_new_link(tree, *item)) return false;
  }
  return true;
}

void check_import(const EchoView& view, const std::string& body, int status) {
  static JsonTree tree;
  FUZZ_CHECK((status == 200) == (tree.read(body) && is_import(tree)), "a good import is taken, no other");
  if (status != 200) return;
  const JsonNode* items = tree.member(tree.root(), "items");
  FUZZ_CHECK(view.imported.size() == items->children, "whole");
  const JsonNode* item = tree.first(*items);
  for (const engine::NewLink& link : view.imported) {
    FUZZ_CHECK(link.link_id.str() == text_of(tree.member(*item, "link_id")), "in its order");
    FUZZ_CHECK(link.customer_user_id == text_of(tree.member(*item, "customer_user_id")), "with its users");
    item = tree.next(*item);
  }
}

}  // namespace

FUZZ_TARGET(admin_request) {
  Choices choices(bytes);
  std::vector<std::size_t> pieces;
  for (std::uint32_t i = choices.below(8); i > 0; --i)
    pieces.push_back(1 + choices.below(64));
  if (pieces.empty()) pieces.push_back(1);
  const std::string_view text = choices.rest();
  const Received received = receive(text, {std::max<std::size_t>(text.size(), 1)});
  check_alike(received, receive(text, pieces));
  if (!received.whole) return;
  EchoView view;
  const HttpResponse response = ask(view, copy_of(received.request));
  check_response(response);
  check_questions(view, received.request, response);
  const bool adds = received.request.method == "POST" && received.request.target == "/v1/links" &&
                    received.request.content_type == "application/json";
  if (adds) check_new_link(view, received.request.body);
  const bool imports = received.request.method == "POST" && received.request.target == "/v1/links:import" &&
                       received.request.content_type == "application/json";
  if (imports) check_import(view, received.request.body, response.status);
}

}  // namespace syncd::fuzz
