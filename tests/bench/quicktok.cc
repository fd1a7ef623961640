// A worker of scripts/bench-peers for quicktok's native library: README.md beside
// it has the protocol.
//
// usage: quicktok DATA_DIR METHOD ENCODING RECORDS GROUPS OUT
//
// quicktok caches pairs of tokens across calls. Loading it again, which empties the cache, is not
// timed.
#include <quicktok.hpp>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using ids = std::vector<uint32_t>;

// A run repeats until it is long enough to measure.
static constexpr double min_seconds = 0.1;

// Seconds of processor time.
static double now()
{
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The largest resident set since its last reset, in kB; 0 where /proc does not tell.
static long peak()
{
    std::ifstream status("/proc/self/status");
    std::string word;
    long kb = 0;
    while (status >> word)
        if (word == "VmHWM:")
            status >> kb;
    return kb;
}

// Prints the seconds for each group, averaged over as many rounds as it needs; begin() runs before
// each round. With odd, only items of odd number count.
template <class Items, class Begin, class Function>
static void timed(const Items &items, const std::vector<size_t> &groups, bool odd, Begin begin,
                  Function f)
{
    std::vector<double> seconds(groups.size());
    unsigned rounds = 0;
    for (double total = 0; total < min_seconds; rounds++) {
        begin();
        for (size_t g = 0, i = 0; g < groups.size(); g++) {
            double before = now();
            for (size_t end = i + groups[g]; i < end; i++)
                if (!odd || i % 2 == 1)
                    f(items[i]);
            double took = now() - before;
            seconds[g] += took;
            total += took;
        }
    }
    for (double s : seconds)
        std::printf("%.9f ", s / rounds);
}

static void serve(char **argv)
{
    const std::string method = argv[2], state = method.substr(method.rfind('-') + 1);
    std::ifstream file(argv[4], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::string_view> records;
    for (size_t at = 0, end; at < text.size(); at = end + 1) {
        end = text.find('\0', at);
        records.emplace_back(text.data() + at, end - at);
    }
    std::vector<size_t> groups;
    std::istringstream counts(argv[5]);
    for (std::string n; std::getline(counts, n, ',');)
        groups.push_back(std::stoul(n));

    std::ofstream("/proc/self/clear_refs") << "5";
    long before = peak();
    auto load = [&] { return quicktok::Tokenizer::load_dir(argv[1], argv[3]); };
    auto tokeniser = load();
    ids out; // reused for all records, as in quicktok's own benchmark
    std::string back;
    auto encode = [&](std::string_view record) {
        out.clear();
        tokeniser.encode(reinterpret_cast<const uint8_t *>(record.data()), record.size(), out);
    };
    auto decode = [&](const ids &packed) {
        back.clear();
        tokeniser.decode(packed.data(), packed.size(), back);
    };
    for (auto record : records) {
        encode(record);
        decode(out);
        if (back != record)
            throw std::runtime_error("a record was not restored");
    }
    long memory = peak() - before;
    std::vector<ids> packed;
    std::ofstream to(argv[6], std::ios::binary);
    for (auto record : records) {
        encode(record);
        packed.push_back(out);
        uint32_t n = static_cast<uint32_t>(out.size());
        to.write(reinterpret_cast<const char *>(&n), sizeof n);
        to.write(reinterpret_cast<const char *>(out.data()), static_cast<long>(n * sizeof n));
    }
    to.close();
    std::printf("ready %ld\n", memory);
    std::fflush(stdout);
    while (std::getchar() != EOF) {
        auto begin = [&] {
            if (state != "used")
                tokeniser = load();
            for (size_t i = 0; state == "others" && i < records.size(); i += 2)
                encode(records[i]);
        };
        timed(records, groups, state == "others", begin, encode);
        timed(
            packed, groups, false, [] {}, decode);
        std::printf("\n");
        std::fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    try {
        serve(argv);
    } catch (const std::exception &e) {
        std::fprintf(stderr, "quicktok: %s\n", e.what());
        return 1;
    }
    return 0;
}
