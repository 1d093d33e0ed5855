#pragma once

#include <expected>
#include <string>

#include <boost/json/object.hpp>

#include "tests/sandbox/model/options.hpp"
#include "tests/sandbox/server/sandbox.hpp"

namespace syncd::sandbox {

/// Answers a request under /sandbox/: the hand that moves the banks. See README.md for the routes. It asks
/// for no credentials; the server listens on loopback unless told otherwise.
HttpResponse answer_control(Sandbox& sandbox, const HttpRequest& request);

/// The switches as one JSON object, and the change of some of them. The error names the member.
std::string switches_json(const Switches& switches);
std::expected<Switches, std::string> changed_switches(Switches switches, const boost::json::object& changes);
std::string statistics_json(const Statistics& statistics);

}  // namespace syncd::sandbox
