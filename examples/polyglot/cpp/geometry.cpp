// Points in a plane: exports `geometry`. The names are those of the bindings that wit-bindgen makes for C.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>
#include <vector>

#include "geometer.h"

using Point = exports_example_polyglot_geometry_point_t;
using Points = exports_example_polyglot_geometry_list_point_t;

namespace {

/// Twice the area of a triangle; positive when its corners are counter-clockwise.
double cross(const Point &origin, const Point &one, const Point &two) {
  return (one.x - origin.x) * (two.y - origin.y) - (one.y - origin.y) * (two.x - origin.x);
}

/// Adds points to one half of a hull, dropping corners that do not turn left.
void add(std::vector<Point> &hull, std::size_t start, const Point &point) {
  while (hull.size() >= start + 2 && cross(hull[hull.size() - 2], hull.back(), point) <= 0)
    hull.pop_back();
  hull.push_back(point);
}

} // namespace

extern "C" double exports_example_polyglot_geometry_area(Points *polygon) {
  const std::span points(polygon->ptr, polygon->len);
  double twice = 0;
  for (std::size_t at = 0; at < points.size(); ++at) {
    const Point &one = points[at];
    const Point &two = points[(at + 1) % points.size()];
    twice += one.x * two.y - one.y * two.x;
  }
  exports_example_polyglot_geometry_list_point_free(polygon);
  return std::abs(twice) / 2;
}

extern "C" void exports_example_polyglot_geometry_convex_hull(Points *given, Points *answer) {
  std::vector<Point> points(given->ptr, given->ptr + given->len);
  exports_example_polyglot_geometry_list_point_free(given);
  const auto before = [](const Point &one, const Point &two) {
    return one.x != two.x ? one.x < two.x : one.y < two.y;
  };
  std::sort(points.begin(), points.end(), before);
  std::vector<Point> hull;
  for (const Point &point : points)
    add(hull, 0, point);
  const std::size_t lower = hull.size();
  for (auto point = points.rbegin(); point != points.rend(); ++point)
    add(hull, lower == 0 ? 0 : lower - 1, *point);
  // The last point is the first one again.
  if (hull.size() > 1)
    hull.pop_back();
  answer->len = hull.size();
  answer->ptr = static_cast<Point *>(std::malloc(std::max<std::size_t>(1, hull.size()) * sizeof(Point)));
  if (answer->ptr == nullptr)
    std::abort();
  std::copy(hull.begin(), hull.end(), answer->ptr);
}
