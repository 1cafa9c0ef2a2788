import { type Command, Option } from "commander";
import type { Instant } from "../../core/api/ids.ts";
import { type Scope, scopeSchema, tokenIdSchema, tokenSchema } from "../../core/api/token.ts";
import { answerOf } from "../context/client.ts";
import { listed } from "../control-plane/pages.ts";
import { checkedBy, wholeNumber } from "../input/options.ts";
import { table } from "../render/table.ts";
import { instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";

interface CreateOptions {
  readonly scope: readonly Scope[];
  readonly days?: number;
  readonly table?: string;
}

const dayMs = 24 * 60 * 60 * 1000;

export const addTokenCommands = (program: Command, answering: Answering): void => {
  const token = program.command("token").description("who may use the API, and for what");
  token
    .command("create")
    .description("make a token; it is printed once, alone on the first line")
    .argument("<name>", "whose it is, and what for", checkedBy(tokenSchema.shape.name))
    .addOption(
      new Option("--scope <scopes...>", "what it may do; admin is sites and tokens, and none contains another")
        .choices(scopeSchema.options)
        .makeOptionMandatory(),
    )
    .option("--days <days>", "how long it is good; without this, until it is revoked", wholeNumber(1, 3650))
    .option("--table <name>", "the first token on AWS: make it in this DynamoDB table, with AWS's credentials")
    .action(
      answering(async (context, name: string, { scope: scopes, days, table: tableName }: CreateOptions) => {
        const { host, style } = context;
        const expiresAt = days === undefined ? undefined : new Date(Date.now() + days * dayMs).toISOString();
        const create = async () => {
          if (tableName === undefined) {
            const json = { name, scopes: [...scopes], ...(expiresAt === undefined ? {} : { expiresAt }) };
            return answerOf((await context.connect()).v1.tokens.$post({ json }));
          }
          const expiry = expiresAt === undefined ? {} : { expiresAt: expiresAt as Instant };
          return host.createTokenInTable(host.env, tableName, { name, scopes, ...expiry });
        };
        const made = await create();
        const until = made.expiresAt === undefined ? "until it is revoked" : `until ${instantText(made.expiresAt)}`;
        const text = [
          made.token,
          `This is the token ${style.strong(made.id)} of ${name}, for ${made.scopes.join(", ")}; it is good ${until} and not shown again.`,
        ].join("\n");
        return { json: made, text };
      }),
    );
  token
    .command("list")
    .description("list the tokens, without their secrets")
    .action(
      answering(async (context) => {
        const api = await context.connect();
        const items = await listed(context, (query) => answerOf(api.v1.tokens.$get({ query })));
        const { style } = context;
        const text = table(
          items,
          [
            { title: "TOKEN", value: ({ id }) => id, paint: style.strong },
            { title: "NAME", value: ({ name }) => name },
            { title: "SCOPES", value: ({ scopes }) => scopes.join(", ") },
            { title: "SINCE", value: ({ createdAt }) => instantText(createdAt) },
            { title: "UNTIL", value: ({ expiresAt }) => (expiresAt === undefined ? "–" : instantText(expiresAt)) },
          ],
          { style, none: "No tokens yet." },
        );
        return { json: { items }, text };
      }),
    );
  token
    .command("revoke")
    .description("refuse a token from now on")
    .argument("<token>", "its id", checkedBy(tokenIdSchema))
    .action(
      answering(async (context, id: string) => {
        const api = await context.connect();
        await answerOf(api.v1.tokens[":token"].$delete({ param: { token: id } }));
        return { json: { revoked: id }, text: `The token ${id} is refused from now on.` };
      }),
    );
};
