// Decides baskets with json-rules-engine and prints p50, p99 (microseconds) and decisions per second of CPU.
const {Engine} = require("json-rules-engine");
const {decisions, rules, baskets} = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const RANK = {base: 0, bronze: 1, silver: 2, gold: 3, platinum: 4};

const factsOf = ({tier, lines}) => ({
    tier_rank: RANK[tier],
    basket_total_minor: lines.reduce((sum, line) => sum + Math.round(line.price_minor * line.quantity / 1000), 0),
    basket_items: lines.reduce((sum, line) => sum + Math.max(1, Math.floor(line.quantity / 1000)), 0),
    basket_categories: [...new Set(lines.map((line) => line.category))],
});

(async () => {
    const engine = new Engine(rules);
    for (let n = 0; n < 200; n++) await engine.run(factsOf(baskets[n % baskets.length]));
    const took = [];
    const cpu = process.cpuUsage();
    for (let n = 0; n < decisions; n++) {
        const began = process.hrtime.bigint();
        // results and failureResults hold every rule with the values seen: that is its explanation.
        await engine.run(factsOf(baskets[n % baskets.length]));
        took.push(Number(process.hrtime.bigint() - began) / 1e3);
    }
    const used = process.cpuUsage(cpu);
    took.sort((a, b) => a - b);
    const at = (share) => Math.round(took[Math.min(took.length - 1, Math.floor(share * took.length))] * 10) / 10;
    console.log(JSON.stringify({
        p50_us: at(0.5), p99_us: at(0.99),
        per_core_s: Math.round(decisions / ((used.user + used.system) / 1e6) * 10) / 10,
    }));
})();
