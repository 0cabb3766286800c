// Has the Observatory grade a host on this machine: grade.mjs NODE_MODULES HTTP_PORT HTTPS_PORT
// Its own command asks the ports 80 and 443 alone; these are the same steps on other ones.
import { pathToFileURL } from "node:url";

const [modules, httpPort, httpsPort] = process.argv.slice(2);
const part = (path) => import(pathToFileURL(`${modules}/@mdn/mdn-http-observatory/src/${path}.js`));
const { retrieve } = await part("retriever/retriever");
const { ALL_TESTS } = await part("constants");
const { getGradeForScore, getScoreModifier } = await part("grader/grader");

const retrieved = await retrieve("localhost", { httpPort, httpsPort });
let score = 100;
const tests = {};
for (const test of ALL_TESTS) {
  const { result, pass, constructor } = test(retrieved);
  const modifier = getScoreModifier(result);
  score += modifier;
  tests[constructor.name] = { result, pass, modifier };
}
console.log(JSON.stringify({ status: retrieved.responses.auto?.status, score, grade: getGradeForScore(score).grade, tests }));
