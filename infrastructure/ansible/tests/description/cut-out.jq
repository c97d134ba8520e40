# Cuts one operation out of GitHub's description of its REST API: what the stand-in's answers, and the requests that the
# playbooks send it, are held against.
#
#   npm pack @octokit/openapi@23.0.2
#   tar xzf octokit-openapi-*.tgz package/generated/api.github.com.json
#   jq --arg operation actions/create-registration-token-for-org --arg release 23.0.2 -f cut-out.jq package/generated/api.github.com.json
#
# The file is named after the operation. Of a schema remains what decides: types, members, values; every reference is
# resolved. `responses` holds the body's schema by status, null where there is none.
. as $description
| def resolved: if type == "object" and has("$ref")
    then .["$ref"] | ltrimstr("#/") | split("/") as $path | $description | getpath($path) | resolved
    else . end;
def deciding: resolved | . as $whole
  | with_entries(select(.key | IN("type", "required", "enum", "nullable", "minItems", "maxItems")))
  + (if $whole.properties then {properties: ($whole.properties | map_values(deciding))} else {} end)
  + (if $whole.items then {items: ($whole.items | deciding)} else {} end)
  + ([("allOf", "anyOf", "oneOf") as $key | select($whole | has($key)) | {($key): ($whole[$key] | map(deciding))}] | add // {});
[.paths | to_entries[] | .key as $path | .value | to_entries[]
  | select(.value | type == "object" and .operationId == $operation)
  | .key as $method | .value as $o
  | {
      description: "GitHub REST API description, api.github.com, release \($release) (npm @octokit/openapi \($release))",
      operation: $operation,
      documentation: $o.externalDocs.url,
      method: $method | ascii_upcase,
      path: $path,
      parameters: [($o.parameters // [])[] | resolved | {name, in, required: (.required // false), schema: (.schema | deciding)}],
      body: (if $o | has("requestBody") then $o.requestBody | resolved | .content["application/json"].schema | deciding else null end),
      responses: ($o.responses | map_values(resolved | .content["application/json"].schema | if . then deciding else null end))
    }
][0]
