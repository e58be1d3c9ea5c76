// Streams, strings and containers of the C++ library.
#include <algorithm>
#include <iostream>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

int main(int argc, char **argv) {
    std::cout << "Hello from C++!" << std::endl;
    std::vector<int> numbers(10);
    std::iota(numbers.begin(), numbers.end(), 1);
    std::cout << "sum " << std::accumulate(numbers.begin(), numbers.end(), 0) << '\n';
    std::map<std::string, int> counts;
    std::istringstream words("one two three two three three");
    for (std::string word; words >> word;) ++counts[word];
    for (const auto &[word, count] : counts) std::cout << word << ' ' << count << '\n';
    std::vector<std::string> arguments(argv + 1, argv + argc);
    std::sort(arguments.begin(), arguments.end());
    for (const auto &argument : arguments) std::cout << "arg " << argument << '\n';
    return 0;
}
