//! Query languages.

use super::super::class::Class::*;
use super::super::row::{BACKTICK, DOUBLE, DOUBLED_DOUBLE, DOUBLED_SINGLE, LONG_SINGLE, Quote, ROW, Row, SINGLE, rule};

pub(super) static ROWS: &[Row] = &[SQL, MYSQL, POSTGRESQL, PLPGSQL, PLSQL, TSQL, SQLITE, CYPHER, SPARQL, PROMQL, KUSTO];

const SQL_KEYWORDS: &str = "abort action add admin after aggregate all alter analyze and any as asc assertion \
                            assignment at attach authorization backward before begin between both by cache call \
                            called cascade cascaded case cast chain characteristics check checkpoint class close \
                            cluster collate collation column comment commit committed conflict connection constraint \
                            constraints continue conversion convert copy create cross cube current current_catalog \
                            current_date current_role current_schema current_time current_timestamp current_user \
                            cursor cycle data database deallocate declare default defaults deferrable deferred \
                            define definer delete delimiter delimiters delta desc describe detach deterministic \
                            diagnostics distinct do domain drop each else elseif encoding encrypted end escape \
                            except exception exclude excluding exclusive exec execute exists exit explain extension \
                            external extract fail fetch filter final first following for force foreign forward found \
                            free from full function generated get glob global go goto grant group grouping groups \
                            handler having hold if ignore ilike immediate immutable implicit in including increment \
                            index indexed inherit inherits initially inner inout input insensitive insert instead \
                            intersect into invoker is isnull isolation join key lag language large last lateral lead \
                            leading left level like limit listen load local location lock loop match matched \
                            materialized maxvalue merge minvalue mode modify move names national natural nchar new \
                            next no not nothing notify notnull nowait nulls object of off offset oids old on only \
                            open operator option or order ordinality others out outer over overlaps overlay \
                            overriding owner parallel partial partition password plan policy position pragma \
                            preceding prepare prepared preserve primary prior privileges procedural procedure public \
                            publication query quote raise range read recheck recursive references refresh regexp \
                            reindex release rename repeatable replace replica reset restart restrict result return \
                            returning returns revoke right role rollback rollup routine row rows rule savepoint \
                            schema scroll search security select sequence serializable session session_user set \
                            setof sets share show similar simple some stable start statement statistics stdin stdout \
                            storage strict subscription symmetric sysid system table tables tablesample tablespace \
                            temp template temporary then ties to trailing transaction trigger trim truncate trusted \
                            type unbounded uncommitted unencrypted union unique unknown unlisten unlogged until \
                            update user using vacuum valid validate validator value values variadic verbose version \
                            view views virtual volatile when where while window with within without work write xor \
                            zone";
const SQL_TYPES: &str = "array bigint bigserial binary bit blob bool boolean box bytea char character cidr circle \
                         clob date datetime decimal double enum float float4 float8 geometry hstore inet int int2 \
                         int4 int8 integer interval json jsonb line longblob longtext macaddr mediumint mediumtext \
                         money nclob number numeric nvarchar oid point polygon precision real serial serial4 serial8 \
                         set smallint smallserial text time timestamp timestamptz timetz tinyint tinytext tsquery \
                         tsvector uuid varbinary varchar varchar2 varying xml year unsigned";
const SQL_FUNCTIONS: &str = "abs array_agg avg ceil ceiling char_length coalesce concat count date_format date_part \
                             date_trunc dense_rank first_value floor generate_series greatest group_concat ifnull \
                             json_agg json_build_object last_value least length lower lpad ltrim max min mod now \
                             nullif nvl percent_rank pow power random rank round row_number row_to_json rpad rtrim \
                             sqrt string_agg substr substring sum to_char to_date to_number to_timestamp upper";

const SQL: Row = Row {
    names: &["sql", "ansi-sql", "bigquery", "redshift", "snowflake", "hive", "spark-sql", "clickhouse", "duckdb"],
    line_comments: &["--"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLED_SINGLE, DOUBLED_DOUBLE, BACKTICK],
    words: &[(Keyword, SQL_KEYWORDS), (Type, SQL_TYPES), (Builtin, SQL_FUNCTIONS), (Constant, "true false null")],
    sigils: &[("@", Variable), ("$", Variable), (":", Variable)],
    rules: rule::FOLD_CASE,
    ..ROW
};

const MYSQL: Row = Row {
    names: &["mysql", "mariadb"],
    line_comments: &["-- ", "#", "--\n"],
    quotes: &[LONG_SINGLE, Quote { lines: true, ..DOUBLE }, Quote { class: Plain, ..BACKTICK }],
    words: &[
        (Keyword, SQL_KEYWORDS),
        (
            Keyword,
            "auto_increment character charset databases engine fulltext kill optimize processlist repair rlike \
             spatial unlock use zerofill",
        ),
        (Type, SQL_TYPES),
        (Builtin, SQL_FUNCTIONS),
        (Constant, "true false null"),
    ],
    ..SQL
};

const POSTGRESQL: Row = Row {
    names: &["postgresql", "postgres", "pgsql", "cockroachdb", "timescaledb"],
    quotes: &[DOUBLED_SINGLE, DOUBLED_DOUBLE, Quote { open: "$$", close: "$$", lines: true, escape: 0, ..DOUBLE }],
    prefixes: "e E b B x X U",
    sigils: &[("$", Variable), ("\\", Keyword)],
    ..SQL
};

const PLPGSQL: Row = Row {
    names: &["plpgsql", "pl/pgsql"],
    quotes: &[DOUBLED_SINGLE, DOUBLED_DOUBLE],
    words: &[
        (Keyword, SQL_KEYWORDS),
        (
            Keyword,
            "alias array assert constant debug diagnostics elsif foreach info log loop notice perform record rowtype \
             slice sqlstate warning exit",
        ),
        (Type, SQL_TYPES),
        (Builtin, SQL_FUNCTIONS),
        (Constant, "true false null"),
    ],
    ..POSTGRESQL
};

const PLSQL: Row = Row {
    names: &["plsql", "pl/sql", "oracle"],
    words: &[
        (Keyword, SQL_KEYWORDS),
        (
            Keyword,
            "body bulk collect connect dbms_output dual elsif exception_init forall identified loop minus nocopy \
             package pipelined pls_integer raise_application_error record ref reverse rowid rownum rowtype sqlcode \
             sqlerrm start subtype synonym sysdate",
        ),
        (Type, SQL_TYPES),
        (Builtin, SQL_FUNCTIONS),
        (Constant, "true false null"),
    ],
    ..SQL
};

const TSQL: Row = Row {
    names: &["tsql", "t-sql", "mssql", "sqlserver", "transact-sql"],
    quotes: &[DOUBLED_SINGLE, DOUBLED_DOUBLE, Quote { open: "[", close: "]", class: Plain, escape: 0, ..DOUBLE }],
    prefixes: "N n",
    words: &[
        (Keyword, SQL_KEYWORDS),
        (
            Keyword,
            "apply backup break browse bulk catch clustered compute contains containstable deny disk distributed \
             dump errlvl fillfactor freetext identity identity_insert lineno nocheck nonclustered openquery \
             openrowset output percent pivot print proc raiserror readtext reconfigure restore revert rowcount \
             rowguidcol save semantickeyphrasetable setuser shutdown textsize throw top tran try tsequal unpivot \
             updatetext use waitfor writetext nolock",
        ),
        (Type, SQL_TYPES),
        (
            Type,
            "datetime2 datetimeoffset image ntext smalldatetime smallmoney sql_variant uniqueidentifier rowversion \
             hierarchyid",
        ),
        (Builtin, SQL_FUNCTIONS),
        (
            Builtin,
            "charindex dateadd datediff datename datepart db_name getdate getutcdate isdate isnull isnumeric len \
             newid object_id patindex scope_identity stuff",
        ),
        (Constant, "true false null"),
    ],
    sigils: &[("@@", Variable), ("@", Variable), ("#", Variable)],
    ..SQL
};

const SQLITE: Row = Row {
    names: &["sqlite", "sqlite3"],
    quotes: &[DOUBLED_SINGLE, DOUBLED_DOUBLE, BACKTICK],
    words: &[
        (Keyword, SQL_KEYWORDS),
        (Keyword, "autoincrement rowid without strict reindex"),
        (Type, SQL_TYPES),
        (Builtin, SQL_FUNCTIONS),
        (Constant, "true false null"),
    ],
    sigils: &[(".", Builtin), ("@", Variable), (":", Variable), ("$", Variable), ("?", Variable)],
    ..SQL
};

const CYPHER: Row = Row {
    names: &["cypher", "neo4j", "gql"],
    line_comments: &["//"],
    block_comments: &[("/*", "*/")],
    quotes: &[DOUBLE, SINGLE, BACKTICK],
    words: &[
        (
            Keyword,
            "all and any as asc by call case constraint contains create delete desc detach distinct drop each else \
             end ends exists fieldterminator for foreach from headers if in index is join limit load csv match merge \
             none not on optional or order periodic commit remove require return set show single skip start starts \
             then union unique unwind using when where with xor yield",
        ),
        (Constant, "true false null"),
        (
            Builtin,
            "avg coalesce collect count head id keys labels last length max min nodes properties range reduce \
             relationships size sum timestamp toInteger toLower toString toUpper type",
        ),
    ],
    sigils: &[("$", Variable), (":", TypeName)],
    rules: rule::FOLD_CASE,
    ..ROW
};

const SPARQL: Row = Row {
    names: &["sparql", "rq", "turtle", "ttl", "n3", "trig"],
    line_comments: &["#"],
    quotes: &[DOUBLE, SINGLE, Quote { open: "<http", close: ">", class: Label, escape: 0, ..DOUBLE }],
    words: &[
        (
            Keyword,
            "a add as asc ask base bind by clear construct copy create data default delete desc describe distinct \
             drop exists filter from graph group having in insert into limit load minus move named not offset \
             optional order prefix reduced select separator service silent to undef union using values where with",
        ),
        (Constant, "true false"),
        (
            Function,
            "abs avg bnode bound ceil coalesce concat contains count datatype day encode_for_uri floor if iri \
             isblank isiri isliteral isnumeric lang langmatches lcase max md5 min now rand regex replace round \
             sample sha1 sha256 str strafter strbefore strdt strends strlang strlen strstarts substr sum ucase uri \
             year",
        ),
    ],
    sigils: &[("?", Variable), ("$", Variable), ("@", Keyword)],
    rules: rule::FOLD_CASE,
    ..ROW
};

const PROMQL: Row = Row {
    names: &["promql", "logql"],
    line_comments: &["#"],
    quotes: &[DOUBLE, SINGLE, BACKTICK],
    words: &[
        (
            Keyword,
            "avg bool bottomk by count count_values group group_left group_right ignoring json logfmt max min offset \
             on pattern quantile regexp stddev stdvar sum topk unpack unwrap without line_format label_format",
        ),
        (WordOperator, "and or unless"),
        (
            Function,
            "abs absent absent_over_time avg_over_time ceil changes clamp clamp_max clamp_min count_over_time \
             day_of_month day_of_week delta deriv exp floor histogram_quantile holt_winters hour idelta increase \
             irate label_join label_replace ln log10 log2 max_over_time min_over_time minute month predict_linear \
             quantile_over_time rate resets round scalar sort sort_desc sqrt sum_over_time time timestamp vector \
             year bytes_over_time bytes_rate",
        ),
    ],
    name_rest: ":",
    ..ROW
};

const KUSTO: Row = Row {
    names: &["kusto", "kql"],
    line_comments: &["//"],
    quotes: &[Quote { open: "@\"", escape: 0, ..DOUBLE }, DOUBLE, SINGLE],
    words: &[
        (
            Keyword,
            "as asc by consume count datatable desc distinct evaluate extend externaldata facet find fork from \
             getschema graph in innerunique invoke join kind lookup let limit make-series materialize mv-apply \
             mv-expand nulls on order parse partition pivot print project project-away project-keep project-rename \
             project-reorder range reduce render sample scan search serialize sort step summarize take to top union \
             where with",
        ),
        (WordOperator, "and between contains endswith has has_any hasprefix in matches not or regex startswith"),
        (Constant, "true false null"),
        (Type, "bool datetime decimal dynamic guid int long real string timespan"),
    ],
    name_rest: "-",
    calls: Function,
    ..ROW
};
