# Cuts one operation out of GitHub's description of its REST API: what the tests hold our requests and types against.
#
#   npm pack @octokit/openapi
#   tar xzf octokit-openapi-*.tgz package/generated/api.github.com.json
#   jq --arg operation actions/get-workflow-run --arg release 23.0.2 -f cut-out.jq package/generated/api.github.com.json
#
# The file is named after the operation. `enums` holds every value that the description gives for a member of a good
# answer, by the member's path; `links` and repositories are left out of the example. `body` holds the members that a
# request's body may have, each with its types and values, and those that it must have.
. as $description
| def resolved: if type == "object" and has("$ref")
    then .["$ref"] | ltrimstr("#/") | split("/") as $path | $description | getpath($path) | resolved
    else . end;
def enums($path): resolved
    | (select(.enum) | {($path): [.enum[] | select(. != null)]}),
      ((.properties // {}) | to_entries[]
        | select(.key | IN("repository", "head_repository", "pull_requests") | not)
        | .key as $key | .value | enums("\($path).\($key)")),
      (.items // empty | enums("\($path)[]")),
      ((.allOf // [])[], (.oneOf // [])[], (.anyOf // [])[] | enums($path));
def merged: reduce .[] as $one ({}; reduce ($one | to_entries[]) as $e (.; .[$e.key] += $e.value))
    | map_values(unique);
[.paths | to_entries[] | .key as $path | .value | to_entries[]
  | select(.value | type == "object" and .operationId == $operation)
  | .key as $method | .value as $o
  | ($o.responses | to_entries[] | select(.key | startswith("2"))) as $good
  | ($good.value | resolved | .content["application/json"]) as $content
  | {
      description: "GitHub REST API description, api.github.com, release \($release) (npm @octokit/openapi \($release))",
      operation: $operation,
      documentation: $o.externalDocs.url,
      method: $method | ascii_upcase,
      path: $path,
      parameters: [($o.parameters // [])[] | resolved
        | {name, in, required: (.required // false), schema: (.schema | resolved | {type, enum, default} | with_entries(select(.value != null)))}],
      takes_body: ($o | has("requestBody")),
      responses: ($o.responses | keys),
      enums: ([$content.schema | enums("")] | merged),
      example: ($content.examples | to_entries[0].value | resolved | .value
        | walk(if type == "object" then
            with_entries(select(.key | (endswith("_url") and . != "html_url" and . != "run_html_url" or IN("repository", "head_repository", "_links")) | not))
          else . end))
    }
    + if $o | has("requestBody") then
        {body: ($o.requestBody | resolved | .content["application/json"].schema | resolved
          | {required: (.required // []), members: (.properties | map_values(
              {types: [.type, (.oneOf // [])[].type | select(. != null)]} + if .enum then {enum} else {} end))})}
      else {} end
][0]
