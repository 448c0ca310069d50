BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'store','1_turns_facts_outbox_ledger','2026-11-24 13:22:18.867649+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'store','2_identity_keys','2026-11-24 16:38:37.619570+00:00');
CREATE TABLE account (           -- an account is its rows; this one holds its version and its wake
    account TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    wake_at_ms INTEGER
) STRICT;
INSERT INTO "account" VALUES('A-1',2,NULL);
CREATE TABLE cap_count (         -- how often a campaign was issued to an account, by business day
    account TEXT NOT NULL,
    campaign TEXT NOT NULL,
    day TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (account, campaign, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE cloud_balance (     -- head office's figure, which includes this store's entries up to as_of_entry
    account TEXT PRIMARY KEY,
    points INTEGER NOT NULL,
    as_of_ms INTEGER NOT NULL,
    as_of_entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE decision (          -- what was decided, short; the whole why is computed again from the turn
    seq INTEGER NOT NULL,
    place INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    took_us INTEGER NOT NULL,    -- from the cause's arrival to this commit
    key TEXT NOT NULL,
    trigger TEXT NOT NULL,
    outcome TEXT NOT NULL,
    winners TEXT NOT NULL,
    nearest_miss TEXT,
    summary TEXT NOT NULL,
    decision TEXT NOT NULL,
    PRIMARY KEY (seq, place)
) STRICT, WITHOUT ROWID;
INSERT INTO "decision" VALUES(1,1,1772445600000,0,'shopper:ana','zone_entered','won','c1',NULL,'Ana entered Dairy','{"trigger":"zone_entered","key":"shopper:ana","subject_name":"Ana","where":"Dairy","winners":["c1"],"offers":[],"summary":"Ana entered Dairy","nearest_miss":null,"considered_count":3,"could_not_fire":40}');
CREATE TABLE enrolment (         -- the roster: devices and cards as keyed hashes, never as they are
    token BLOB PRIMARY KEY,
    subject TEXT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    member INTEGER NOT NULL,
    tier TEXT NOT NULL,
    consent TEXT NOT NULL,
    segments TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "enrolment" VALUES(X'746F6B656E','ana','A-1','Ana',1,'base','[]','[]');
INSERT INTO "enrolment" VALUES(X'DC667E01A498E81668DC7E0DB7FF0B4C','cart','','',0,'base','["location"]','[]');
INSERT INTO "enrolment" VALUES(X'FDEA4E5D2611E6FD441F559735553865','ana','A-1','Ana',1,'silver','["offers","location"]','[]');
CREATE TABLE entity (            -- shoppers, shelves and signs: hard state, saved by the turn that changed it
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    wake_at_ms INTEGER
) STRICT;
INSERT INTO "entity" VALUES('shopper:ana','shopper',2,'{"zone":"dairy"}',NULL);
CREATE TABLE fact (              -- what many may read
    book TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (book, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "fact" VALUES('occupancy','dairy',2,'{"shoppers":2,"members":0}');
INSERT INTO "fact" VALUES('product','milk',1,'{"name":"Milk","category":"dairy","price_minor":125}');
CREATE TABLE fact_past (         -- values that were replaced: true from one version until before another
    book TEXT NOT NULL,
    key TEXT NOT NULL,
    from_version INTEGER NOT NULL,
    until_version INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (until_version, book, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "fact_past" VALUES('occupancy','dairy',1,2,'{"shoppers":1,"members":0}');
CREATE TABLE identity_key (      -- keys of devices that change their ids, wrapped; gone once their owner says so
    token BLOB PRIMARY KEY,      -- the row of table enrolment: whose it is, and what they allow
    kind TEXT NOT NULL CHECK (kind IN ('irk', 'eid')),
    wrapped BLOB NOT NULL,       -- nonce and AES-GCM, under a key that is made from the roster's secret
    rotation INTEGER NOT NULL,   -- eid: a new id every 2^rotation seconds
    clock_s INTEGER NOT NULL     -- eid: the Unix time at which the beacon's counter stood at 0
) STRICT, WITHOUT ROWID;
INSERT INTO "identity_key" VALUES(X'DC667E01A498E81668DC7E0DB7FF0B4C','eid',X'2FEE2AAE02834A7F19B13CF19BCB641B14D562E2C2F5B6009F88AFB2363F961C80519B0FA5C971544C9CACCC',10,1772000000);
INSERT INTO "identity_key" VALUES(X'FDEA4E5D2611E6FD441F559735553865','irk',X'325D55FB0CEB63ACD5B74DA286B02CB7F4D656FDBA1571DFBA44FD0BFAF178B393F11F50FBC30C7F13B803AA',0,0);
CREATE TABLE life (              -- each life of this database: one random incarnation
    life INTEGER PRIMARY KEY,
    incarnation TEXT NOT NULL UNIQUE,
    began_at_ms INTEGER NOT NULL,
    after_seq INTEGER NOT NULL,
    why TEXT NOT NULL
) STRICT;
INSERT INTO "life" VALUES(1,'0123456789abcdef',1772445600000,0,'the database was made');
CREATE TABLE mailbox (           -- one row: the last mail that was applied
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO "mailbox" VALUES(1,3);
CREATE TABLE member (
    account TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    tier TEXT NOT NULL,
    consent TEXT NOT NULL,       -- JSON array of purposes
    segments TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (              -- one row: whose database this is, and how far it has come
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store TEXT NOT NULL,
    life INTEGER NOT NULL,       -- the current row of table life
    epoch INTEGER NOT NULL,      -- grows whenever an engine opens this file; a commit of an older one is refused
    last_seq INTEGER NOT NULL,   -- newest turn, also when its row was pruned
    facts_version INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,   -- the engine's clock starts no earlier
    chain_key_id TEXT NOT NULL,  -- names the key of the outbox chain; the key is in a file of its own
    pruned_floor_seq INTEGER NOT NULL DEFAULT 0,
    pruned_money_seq INTEGER NOT NULL DEFAULT 0,
    pruned_verdict_seq INTEGER NOT NULL DEFAULT 0,
    is_copy INTEGER NOT NULL DEFAULT 0   -- set in a backup: whoever opens it begins a new life
) STRICT;
INSERT INTO "meta" VALUES(1,'014',1,1,4,2,1772445600000,'f031273f',0,0,0,0);
CREATE TABLE note (              -- small texts that links keep across starts, such as where to read on
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE offer (
    offer TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    campaign TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('issued', 'seen', 'redeemed', 'expired', 'withdrawn')),
    grants TEXT NOT NULL,
    zone TEXT NOT NULL,
    issued_at_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    say TEXT NOT NULL
) STRICT;
CREATE TABLE outbox (            -- records for head office, until it says that they are applied
    row INTEGER PRIMARY KEY,
    life INTEGER NOT NULL,
    stream TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    chain BLOB NOT NULL,
    schema INTEGER NOT NULL,
    type TEXT NOT NULL,
    operation TEXT NOT NULL,
    value BLOB NOT NULL          -- MessagePack
) STRICT;
INSERT INTO "outbox" VALUES(1,1,'money',1,X'BC596E4B8A141B80',1,'Hello','',X'94A548656C6C6FA3303134B030313233343536373839616263646566CF0000019CADFD8900');
INSERT INTO "outbox" VALUES(2,1,'money',2,X'3061F0A493F69A46',1,'SaleRecorded','till-1/A-1/1',X'9CAC53616C655265636F72646564AC74696C6C2D312F412D312F31A131A674696C6C2D31A3412D31CD04E2A34555520C01CF0000019CADFD8900AA323032362D30332D303290');
INSERT INTO "outbox" VALUES(3,1,'money',3,X'332455557DC99008',1,'SaleRecorded','till-1/A-1/2',X'9CAC53616C655265636F72646564AC74696C6C2D312F412D312F32A132A674696C6C2D31A3412D31CD04E2A34555520C02CF0000019CADFD8900AA323032362D30332D303290');
CREATE TABLE outbox_cursor (     -- per life and stream: numbered, known to Kafka, known to be applied
    life INTEGER NOT NULL,
    stream TEXT NOT NULL,
    head INTEGER NOT NULL,
    head_chain BLOB NOT NULL,
    acked INTEGER NOT NULL DEFAULT 0,
    applied INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (life, stream),
    CHECK (applied <= head AND acked <= head)
) STRICT, WITHOUT ROWID;
INSERT INTO "outbox_cursor" VALUES(1,'money',3,X'332455557DC99008',0,0);
CREATE TABLE parked (            -- inputs whose step threw, for a person
    reference INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    input TEXT NOT NULL,
    arrived_us INTEGER NOT NULL,
    cause_operation TEXT,
    scanner TEXT,
    subject TEXT,
    more INTEGER,
    at_ms INTEGER NOT NULL,
    day TEXT NOT NULL,
    minute INTEGER NOT NULL,
    weekday INTEGER NOT NULL,
    operation TEXT,
    payload_hash BLOB,
    state TEXT,
    trace TEXT NOT NULL
) STRICT;
CREATE TABLE points_entry (      -- double entry: the two rows of one move sum to zero, in every currency
    row INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    account TEXT NOT NULL,       -- a member account, or programme:issued
    number INTEGER,              -- the account's own running number; NULL on the programme's side
    currency TEXT NOT NULL,
    points INTEGER NOT NULL,
    why TEXT NOT NULL
) STRICT;
INSERT INTO "points_entry" VALUES(1,3,'A-1',1,'points',12,'sale 1');
INSERT INTO "points_entry" VALUES(2,3,'programme:issued',NULL,'points',-12,'sale 1');
INSERT INTO "points_entry" VALUES(3,4,'A-1',2,'points',12,'sale 2');
INSERT INTO "points_entry" VALUES(4,4,'programme:issued',NULL,'points',-12,'sale 2');
CREATE TABLE pool (              -- a shared lease; the CHECK is the alarm behind the step's own condition
    pool TEXT PRIMARY KEY,
    amount INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    CHECK (spent <= amount),
    CHECK (spent >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE sale (
    seq INTEGER PRIMARY KEY,     -- the turn that closed it
    sale TEXT NOT NULL,          -- the till's own number
    till TEXT NOT NULL,
    account TEXT NOT NULL,
    day TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    points INTEGER NOT NULL,
    closed_at_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "sale" VALUES(3,'1','till-1','A-1','2026-03-02',1250,'EUR',12,1772445600000,1772445600000);
INSERT INTO "sale" VALUES(4,'2','till-1','A-1','2026-03-02',1250,'EUR',12,1772445600000,1772445600000);
CREATE TABLE sale_line (
    seq INTEGER NOT NULL,
    line INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    PRIMARY KEY (seq, line)
) STRICT, WITHOUT ROWID;
INSERT INTO "sale_line" VALUES(3,0,'milk','Milk','dairy',1000,1250,0);
INSERT INTO "sale_line" VALUES(4,0,'milk','Milk','dairy',1000,1250,0);
CREATE TABLE tell (              -- inputs for one entity, committed with the turn that told them, until taken
    row INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    input TEXT NOT NULL,
    arrived_us INTEGER NOT NULL,
    cause_operation TEXT,
    scanner TEXT,
    subject TEXT,
    more INTEGER,
    at_ms INTEGER NOT NULL,
    day TEXT NOT NULL,
    minute INTEGER NOT NULL,
    weekday INTEGER NOT NULL,
    operation TEXT,
    payload_hash BLOB,
    parked INTEGER               -- the reference in table parked: this one is stepped over
) STRICT;
INSERT INTO "tell" VALUES(65538,'account:A-1','scan-1/shopper:ana@1772445600000>2','{"type":"OfferSeen","offer":"o1"}',1772445600000000,NULL,'scan-1','ana',NULL,1772445600000,'2026-03-02',600,0,NULL,NULL,NULL);
CREATE TABLE turn (              -- journal, duplicate filter and stored reply in one
    seq INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,          -- money or floor: how long the row is kept
    key TEXT NOT NULL,           -- the entity that took the input
    id TEXT,
    input TEXT,                  -- JSON with its name in type; NULL once only the verdict is kept
    arrived_us INTEGER,          -- the cause: when the engine heard of it, and of what
    cause_operation TEXT,
    scanner TEXT,
    subject TEXT,
    more INTEGER,
    at_ms INTEGER NOT NULL,
    day TEXT,                    -- the store's own calendar at that instant
    minute INTEGER,
    weekday INTEGER,
    operation TEXT,              -- made by the sender; NULL for what nobody can send again
    payload_hash BLOB,
    facts_version INTEGER,
    pools TEXT,                  -- JSON: pool numbers that the step read
    loaded_version INTEGER,      -- set if this turn loaded its entity, with the state it began from
    loaded_state TEXT,
    outcome TEXT,
    reply TEXT,
    digest BLOB                  -- of the state after the turn and of its effects
) STRICT;
INSERT INTO "turn" VALUES(1,'floor','shopper:ana','scan-1/shopper:ana@1772445600000','{"type":"ZoneEntered","zone":"dairy","p":90}',1772445600000000,NULL,'scan-1','ana',NULL,1772445600000,'2026-03-02',600,0,NULL,NULL,0,NULL,0,NULL,NULL,NULL,X'382062797465732E');
INSERT INTO "turn" VALUES(2,'floor','shopper:ana','i2','{"type":"ZoneEntered","zone":"dairy","p":90}',1772445600000000,NULL,'scan-1','ana',NULL,1772445600000,'2026-03-02',600,0,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,X'382062797465732E');
INSERT INTO "turn" VALUES(3,'money','account:A-1','till-1/A-1/1','{"type":"SaleClosed","sale":"1","till":"till-1","lines":[{"sku":"milk","quantity":1000,"price_minor":1250,"name":"Milk","category":"dairy"}],"total_minor":1250}',1772445600000000,'till-1/A-1/1',NULL,NULL,NULL,1772445600000,'2026-03-02',600,0,'till-1/A-1/1',X'CA24C21E9A4B774E45F10A00F2A8F142',0,NULL,NULL,NULL,'done','{"sale":"1"}',X'382062797465732E');
INSERT INTO "turn" VALUES(4,'money','account:A-1','till-1/A-1/2','{"type":"SaleClosed","sale":"2","till":"till-1","lines":[{"sku":"milk","quantity":1000,"price_minor":1250,"name":"Milk","category":"dairy"}],"total_minor":1250}',1772445600000000,'till-1/A-1/2',NULL,NULL,NULL,1772445600000,'2026-03-02',600,0,'till-1/A-1/2',X'92A267AA6D4F2BECB6D330C63A979905',0,NULL,NULL,NULL,'done','{"sale":"2"}',X'382062797465732E');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX turn_by_operation ON turn (operation) WHERE operation IS NOT NULL;
CREATE INDEX turn_by_key ON turn (key);
CREATE INDEX entity_by_wake ON entity (wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE UNIQUE INDEX outbox_by_number ON outbox (stream, life, sequence);
CREATE INDEX account_by_wake ON account (wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE UNIQUE INDEX points_entry_by_number ON points_entry (account, number) WHERE number IS NOT NULL;
CREATE INDEX offer_by_account ON offer (account) WHERE state IN ('issued', 'seen');
CREATE INDEX sale_by_account ON sale (account);
CREATE INDEX sale_by_time ON sale (at_ms);
CREATE VIEW balances AS SELECT a.account, m.name, m.tier, b.points AS points_as_of, b.as_of_ms,
               coalesce(sum(e.points), 0) AS points_since,
               coalesce(b.points, 0) + coalesce(sum(e.points), 0) AS points
        FROM account a
        LEFT JOIN member m USING (account)
        LEFT JOIN cloud_balance b USING (account)
        LEFT JOIN points_entry e ON e.account = a.account AND e.number > coalesce(b.as_of_entry, 0)
        GROUP BY a.account;
CREATE VIEW ledger_unbalanced AS SELECT currency, sum(points) AS off_by FROM points_entry GROUP BY currency HAVING sum(points) <> 0;
CREATE VIEW offers_open AS SELECT offer, account, campaign, state, zone, say,
               datetime(issued_at_ms / 1000, 'unixepoch') AS issued_at,
               datetime(until_ms / 1000, 'unixepoch') AS until
        FROM offer WHERE state IN ('issued', 'seen');
CREATE VIEW sales_today AS SELECT s.* FROM sale s WHERE s.day = (SELECT day FROM sale ORDER BY seq DESC LIMIT 1);
CREATE VIEW sales_by_till AS SELECT day, till, currency, count(*) AS sales, sum(total_minor) AS total_minor, sum(points) AS points
        FROM sale GROUP BY day, till, currency;
CREATE VIEW turns_recent AS SELECT seq, datetime(at_ms / 1000, 'unixepoch') AS at, key, json_extract(input, '$.type') AS input,
               coalesce(cause_operation, scanner || ' / ' || subject, '') AS cause, outcome
        FROM turn ORDER BY seq DESC LIMIT 200;
CREATE VIEW decisions_recent AS SELECT seq, datetime(at_ms / 1000, 'unixepoch') AS at, key, trigger, outcome, winners, summary
        FROM decision ORDER BY seq DESC, place DESC LIMIT 200;
CREATE VIEW backlog AS SELECT l.incarnation, c.stream, c.head, c.acked, c.applied, c.head - c.acked AS to_send,
               c.head - c.applied AS to_apply
        FROM outbox_cursor c JOIN life l USING (life);
CREATE VIEW tells_waiting AS SELECT row, key, json_extract(input, '$.type') AS input, parked,
               datetime(at_ms / 1000, 'unixepoch') AS told_at
        FROM tell;
CREATE VIEW stock AS SELECT key AS shelf, json_extract(value, '$.sku') AS sku, json_extract(value, '$.pieces') AS pieces,
               json_extract(value, '$.state') AS state, json_extract(value, '$.p') AS p
        FROM fact WHERE book = 'stock';
CREATE VIEW campaigns_live AS SELECT key AS campaign, json_extract(value, '$.name') AS name, json_extract(value, '$.trigger') AS trigger,
               json_extract(value, '$.priority') AS priority, version AS facts_version
        FROM fact WHERE book = 'campaign';
CREATE VIEW pools AS SELECT pool, amount, spent, amount - spent AS left_over FROM pool;
CREATE VIEW inside_now AS SELECT key, version, json_extract(state, '$.zone') AS zone, state FROM entity WHERE kind = 'shopper';
DELETE FROM "sqlite_sequence";
COMMIT;
