#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/e2e/rig.hpp"

namespace syncd::test::e2e {

/// Texts that must not be written anywhere but into the store itself, each with a name for people.
using Confidences = std::map<std::string, std::string>;

/// The client secret, and for each link its id, its accounts' names and its transactions' descriptions, as
/// the admin API shows them.
Confidences confidences_of(Daemon& daemon, const std::vector<std::string>& link_ids);

/// Every text that the daemon leaves behind for others: its log, the database's own logs, the metrics; by
/// name.
std::map<std::string, std::string> public_texts(Daemon& daemon);

/// What the admin API answers about things that went wrong: refusals (400, 404, 405, 409), the links'
/// last errors and the dead letters with what is kept of the answers; by request. They may name links, and
/// nothing else that is confidential.
std::map<std::string, std::string> error_texts(Daemon& daemon, const std::vector<std::string>& link_ids);
/// Of those, what no answer about an error may hold.
Confidences beside_link_ids(const Confidences& confidences);

/// `name of the confidence in name of the text`, for each that is found.
std::vector<std::string> leaks(const std::map<std::string, std::string>& texts,
                               const Confidences& confidences);

/// Lines of a log that are not as docs/logs.md says: another event, level or member, or no JSON.
std::vector<std::string> undocumented_lines(const std::string& log);

}  // namespace syncd::test::e2e
