// A headless Node-RED without editor or web, so that nothing but the flow runs. The books come as a file.
module.exports = {
    uiHost: "127.0.0.1",
    uiPort: Number(process.env.BENCH_HTTP_PORT),
    httpAdminRoot: false,
    httpNodeRoot: false,
    credentialSecret: false,
    flowFile: "flow.json",
    functionGlobalContext: {
        books: JSON.parse(require("fs").readFileSync(process.env.BENCH_BOOKS, "utf8")),
        performance: require("perf_hooks").performance,
    },
    logging: {console: {level: "info", metrics: false, audit: false}},
};
