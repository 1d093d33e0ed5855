// The one translation unit that holds the non-template parts of Asio and Beast; everything else only declares
// them.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
