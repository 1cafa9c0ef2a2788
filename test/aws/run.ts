import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { parseArgs } from "node:util";
import { findPython, pythonMissing } from "../../infra/localstack/python.ts";
import { realCost, realRefusal, runReal } from "./real/real.ts";

const help = `npm run test:aws [-- --real [--yes] [--region REGION]]

Puts the adapters of DynamoDB, SQS and EventBridge Scheduler, and a first backup, on the built-in emulators, on ministack and, where there is
a Python 3.13, on LocalStack, and on each endpoint that SMTX_TEST_AWS_ENDPOINTS names, with commas in between; and the functions as they are deployed on ministack with IAM.

  --real           a smoke test against the AWS account that the environment gives credentials for, instead
  --yes            do it: without this it only says what it would make, and what that costs
  --region REGION  where; AWS_REGION unless given

${realCost}
`;

const { values } = parseArgs({
  options: {
    real: { type: "boolean", default: false },
    yes: { type: "boolean", default: false },
    region: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const hasPython = findPython() !== undefined;

/** The emulators, and SST's platform with the bundler; nothing is done when they are there. */
const install = (): void => {
  const emulators = ["infra/ministack/install.ts", ...(hasPython ? ["infra/localstack/install.ts"] : [])];
  for (const script of [...emulators, "infra/aws/install.ts"]) {
    execFileSync(process.execPath, [script], { stdio: ["ignore", "inherit", "inherit"] });
  }
};

const runTests = async (): Promise<number> => {
  install();
  const files = globSync("test/aws/**/*.test.ts");
  const parameters = ["run", "--silent", "testing", "--", "--test-concurrency=1", ...files.toSorted()];
  const child = spawn("npm", parameters, { stdio: "inherit" });
  const [code] = await once(child, "exit");
  // Last, where it is seen.
  if (!hasPython) process.stderr.write(`\n${pythonMissing}\n`);
  return code ?? 1;
};

const main = async (): Promise<number> => {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  if (!values.real) return runTests();
  const region = values.region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
  const refusal = realRefusal({ region, isAgreedTo: values.yes, env: process.env });
  if (refusal === undefined && region !== undefined) return runReal({ region, env: process.env });
  process.stderr.write(`${realCost}\n\n${refusal}\n`);
  return 2;
};

process.exitCode = await main();
