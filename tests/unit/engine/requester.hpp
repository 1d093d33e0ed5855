#pragma once

#include "sync/engine/engine.hpp"

namespace syncd::test {

// Who acts in tests that are not about who acts.
inline const engine::Requester by_a_test{.actor = "uid:1000"};

}  // namespace syncd::test
