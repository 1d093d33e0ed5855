// Control calls about hooks and refreshes.
#pragma once

#include <boost/json/object.hpp>

#include "tests/sandbox/model/text.hpp"
#include "tests/sandbox/server/sandbox.hpp"

namespace syncd::sandbox {

/// One control call, taken apart.
struct Control {
  Sandbox& sandbox;
  const HttpRequest& request;
  Target target;
  boost::json::object body;
  /// Text of the path segment that a route's star stands for.
  std::string name;
};

HttpResponse problem(int status, std::string_view text);
HttpResponse done(bool found);
/// nullopt: it is there and no whole number.
std::optional<std::size_t> query_count(const Target& target, std::string_view name, std::size_t fallback);

HttpResponse list_hooks(Control& control);
HttpResponse show_hook(Control& control);
HttpResponse send_hooks(Control& control);
HttpResponse forget_hooks(Control& control);
HttpResponse change_hook_options(Control& control);
HttpResponse rotate_hook_key(Control& control);
HttpResponse list_refreshes(Control& control);
HttpResponse set_refresh_hours(Control& control);
/// An empty one: the link has none any more.
HttpResponse set_webhook(Control& control);

}  // namespace syncd::sandbox
