#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace syncd::api {

// All coroutines run on the one io thread; a concrete executor spares the type erasure.
using IoExecutor = boost::asio::io_context::executor_type;

template <class T>
using Task = boost::asio::awaitable<T, IoExecutor>;

}  // namespace syncd::api
