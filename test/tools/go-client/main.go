// Drives a running service with Tailscale's own Go client, which Terraform's provider uses: every method that is about posture,
// in the orders in which Terraform calls them. It prints each request as it went out, a line each, and fails where the client does
// not understand an answer. By hand, as it needs Go and a service with nothing but one device:
//
//	BASE_URL=http://127.0.0.1:8080 API_KEY=... DEVICE=nDEVICE11CNTRL go run . > ../../api/fixtures/go-client.ndjson
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	tailscale "tailscale.com/client/tailscale/v2"
)

type sent struct {
	Step    string            `json:"step"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"`
	Status  int               `json:"status"`
}

// recorder notes what goes out, with what the service gave (ids, ETags) by name.
type recorder struct {
	step  string
	names map[string]string
	sent  []sent
}

func (r *recorder) named(text string) string {
	for value, name := range r.names {
		text = strings.ReplaceAll(text, value, "{"+name+"}")
	}
	return text
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil && request.Body != http.NoBody {
		body, _ = io.ReadAll(request.Body)
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	headers := map[string]string{}
	for name := range request.Header {
		if name != "Authorization" && name != "User-Agent" {
			headers[strings.ToLower(name)] = r.named(request.Header.Get(name))
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	r.sent = append(r.sent, sent{r.step, request.Method, r.named(request.URL.RequestURI()), headers, r.named(string(body)), answer.StatusCode})
	return answer, nil
}

var (
	ctx      = context.Background()
	recorded = &recorder{names: map[string]string{}}
	failures int
)

// expect reports what the client made of an answer.
func expect(step string, holds bool, found any, err error) {
	if err == nil && holds {
		return
	}
	failures++
	fmt.Fprintf(os.Stderr, "%s: %+v (%v)\n", step, found, err)
}

// refused reports an answer that should have been an error with this status.
func refused(step string, err error, status int) {
	if err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf("(%d)", status)) {
		failures++
		fmt.Fprintf(os.Stderr, "%s: expected %d, got %v\n", step, status, err)
	}
}

func at(step string) string {
	recorded.step = step
	return step
}

func main() {
	base, err := url.Parse(os.Getenv("BASE_URL"))
	if err != nil || base.Host == "" || os.Getenv("API_KEY") == "" || os.Getenv("DEVICE") == "" {
		fmt.Fprintln(os.Stderr, "needs BASE_URL, API_KEY and DEVICE, the id of a device with the host name ANNA-LT")
		os.Exit(2)
	}
	client := &tailscale.Client{
		BaseURL: base,
		APIKey:  os.Getenv("API_KEY"),
		HTTP:    &http.Client{Timeout: time.Minute, Transport: recorded},
	}
	recorded.names[os.Getenv("DEVICE")] = "device"
	integrations(client)
	attributes(client, os.Getenv("DEVICE"))
	devices(client, os.Getenv("DEVICE"))
	settings(client)
	policy(client)
	webhooks(client)
	remove(client, os.Getenv("DEVICE"))
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for _, each := range recorded.sent {
		_ = encoder.Encode(each)
	}
	if failures > 0 {
		os.Exit(1)
	}
}

func integrations(client *tailscale.Client) {
	posture := client.DevicePosture()
	secret := "a-secret-of-sixteen"
	at("integrations: create")
	made, err := posture.CreateIntegration(ctx, tailscale.CreatePostureIntegrationRequest{
		Provider: tailscale.PostureIntegrationProviderSentinelOne, CloudID: "mydomain.sentinelone.net", ClientSecret: secret,
	})
	if err != nil {
		expect(recorded.step, false, nil, err)
		return
	}
	recorded.names[made.ID] = "integration"
	expect(recorded.step, made.ID != "" && made.CloudID == "mydomain.sentinelone.net" && made.ClientID == "" && made.TenantID == "", made, err)
	at("integrations: create a second one")
	_, err = posture.CreateIntegration(ctx, tailscale.CreatePostureIntegrationRequest{
		Provider: tailscale.PostureIntegrationProviderSentinelOne, CloudID: "two.sentinelone.net", ClientSecret: secret,
	})
	refused(recorded.step, err, 409)
	at("integrations: read")
	got, err := posture.GetIntegration(ctx, made.ID)
	expect(recorded.step, err == nil && *got == *made, got, err)
	at("integrations: list")
	all, err := posture.ListIntegrations(ctx)
	expect(recorded.step, len(all) == 1 && all[0] == *made, all, err)
	at("integrations: update")
	changed, err := posture.UpdateIntegration(ctx, made.ID, tailscale.UpdatePostureIntegrationRequest{CloudID: "other.sentinelone.net", ClientSecret: &secret})
	expect(recorded.step, err == nil && changed.ID == made.ID && changed.CloudID == "other.sentinelone.net", changed, err)
	expect(at("integrations: replace, delete"), true, nil, posture.DeleteIntegration(ctx, made.ID))
	at("integrations: replace, create")
	other, err := posture.CreateIntegration(ctx, tailscale.CreatePostureIntegrationRequest{
		Provider: tailscale.PostureIntegrationProviderIntune, CloudID: "global", ClientID: "93013672-b00c-4344-80ca-7ecf74f9dce1",
		TenantID: "d1ae389b-5207-43a2-afca-2de6b03ac7e3", ClientSecret: secret,
	})
	if err != nil {
		expect(recorded.step, false, nil, err)
		return
	}
	recorded.names[other.ID] = "other"
	expect(recorded.step, other.TenantID == "d1ae389b-5207-43a2-afca-2de6b03ac7e3", other, err)
	at("integrations: update without the secret")
	kept, err := posture.UpdateIntegration(ctx, other.ID, tailscale.UpdatePostureIntegrationRequest{CloudID: "us-gov"})
	expect(recorded.step, err == nil && kept.CloudID == "us-gov" && kept.ClientID == other.ClientID, kept, err)
	expect(at("integrations: destroy"), true, nil, posture.DeleteIntegration(ctx, other.ID))
	at("integrations: read what is gone")
	_, err = posture.GetIntegration(ctx, other.ID)
	refused(recorded.step, err, 404)
	expect(recorded.step, tailscale.IsNotFound(err), nil, nil)
	at("integrations: delete what is gone")
	err = posture.DeleteIntegration(ctx, other.ID)
	refused(recorded.step, err, 404)
}

func attributes(client *tailscale.Client, device string) {
	devices := client.Devices()
	expect(at("attributes: set"), true, nil, devices.SetPostureAttribute(ctx, device, "custom:tier", tailscale.DevicePostureAttributeRequest{Value: "gold_1.0"}))
	ends := time.Date(2099, 11, 20, 16, 0, 0, 123456789, time.FixedZone("", -5*3600))
	expect(at("attributes: set with an expiry and a comment"), true, nil, devices.SetPostureAttribute(ctx, device, "custom:score",
		tailscale.DevicePostureAttributeRequest{Value: 80, Expiry: tailscale.Time{Time: ends}, Comment: "for the audit"}))
	at("attributes: get")
	found, err := devices.GetPostureAttributes(ctx, device)
	expect(recorded.step, err == nil && found.Attributes["custom:tier"] == "gold_1.0" && found.Attributes["custom:score"] == float64(80) &&
		len(found.Expiries) == 1 && found.Expiries["custom:score"].Equal(ends.Truncate(time.Millisecond)), found, err)
	refused(at("attributes: set one of a provider"), devices.SetPostureAttribute(ctx, device, "sentinelOne:infected", tailscale.DevicePostureAttributeRequest{Value: false}), 400)
	expect(at("attributes: delete"), true, nil, devices.DeletePostureAttribute(ctx, device, "custom:tier"))
	expect(at("attributes: delete what is gone"), true, nil, devices.DeletePostureAttribute(ctx, device, "custom:tier"))
	at("attributes: of no device")
	_, err = devices.GetPostureAttributes(ctx, "n0body/11DEVEL")
	refused(recorded.step, err, 404)
}

func devices(client *tailscale.Client, id string) {
	devices := client.Devices()
	at("devices: list")
	all, err := devices.List(ctx)
	expect(recorded.step, len(all) == 1 && all[0].ID == id && all[0].NodeID == id && all[0].Hostname == "ANNA-LT" && !all[0].Created.IsZero(), all, err)
	at("devices: list with all fields")
	all, err = devices.List(ctx, tailscale.WithFields(tailscale.IncludeFieldsAll))
	expect(recorded.step, len(all) == 1, all, err)
	at("devices: list with filters")
	all, err = devices.List(ctx, tailscale.WithFilter("hostname", []string{"ANNA-LT"}), tailscale.WithFilter("tags", []string{"tag:laptop", "tag:vip"}))
	expect(recorded.step, len(all) == 1, all, err)
	at("devices: list with a filter that nothing passes")
	all, err = devices.List(ctx, tailscale.WithFilter("name", []string{"nobody"}))
	expect(recorded.step, len(all) == 0, all, err)
	at("devices: get")
	one, err := devices.Get(ctx, id)
	expect(recorded.step, err == nil && one.NodeID == id && one.User == "anna@example.com", one, err)
	at("devices: get with all fields")
	one, err = devices.GetWithAllFields(ctx, id)
	expect(recorded.step, err == nil && one.NodeID == id, one, err)
	at("devices: get none")
	_, err = devices.Get(ctx, "nobody")
	refused(recorded.step, err, 404)
}

func remove(client *tailscale.Client, id string) {
	expect(at("devices: delete"), true, nil, client.Devices().Delete(ctx, id))
	refused(at("devices: delete what is gone"), client.Devices().Delete(ctx, id), 404)
}

func settings(client *tailscale.Client) {
	settings := client.TailnetSettings()
	at("settings: get")
	before, err := settings.Get(ctx)
	expect(recorded.step, err == nil && before.PostureIdentityCollectionOn && before.DevicesKeyDurationDays == 180, before, err)
	update := tailscale.UpdateTailnetSettingsRequest{
		DevicesApprovalOn: tailscale.PointerTo(true), DevicesKeyDurationDays: tailscale.PointerTo(30),
		UsersRoleAllowedToJoinExternalTailnets: tailscale.PointerTo(tailscale.RoleAllowedToJoinExternalTailnetsMember),
	}
	expect(at("settings: update, with two nulls"), true, nil, settings.Update(ctx, update))
	at("settings: get again")
	after, err := settings.Get(ctx)
	expect(recorded.step, err == nil && after.DevicesApprovalOn && after.DevicesKeyDurationDays == 30 && after.PostureIdentityCollectionOn &&
		after.UsersRoleAllowedToJoinExternalTailnets == tailscale.RoleAllowedToJoinExternalTailnetsMember, after, err)
	whole := tailscale.UpdateTailnetSettingsRequest{
		ACLsExternallyManagedOn: tailscale.PointerTo(true), ACLsExternalLink: tailscale.PointerTo("https://example.com/policy"),
		DevicesApprovalOn: tailscale.PointerTo(false), DevicesAutoUpdatesOn: tailscale.PointerTo(true), UsersApprovalOn: tailscale.PointerTo(true),
		NetworkFlowLoggingOn: tailscale.PointerTo(true), RegionalRoutingOn: tailscale.PointerTo(true),
		PostureIdentityCollectionOn: tailscale.PointerTo(false), HTTPSEnabled: tailscale.PointerTo(true),
	}
	expect(at("settings: update everything"), true, nil, settings.Update(ctx, whole))
	at("settings: get everything")
	after, err = settings.Get(ctx)
	expect(recorded.step, err == nil && after.ACLsExternallyManagedOn && after.ACLsExternalLink == "https://example.com/policy" &&
		!after.DevicesApprovalOn && after.DevicesAutoUpdatesOn && after.UsersApprovalOn && after.NetworkFlowLoggingOn && after.RegionalRoutingOn &&
		!after.PostureIdentityCollectionOn && after.HTTPSEnabled, after, err)
}

func policy(client *tailscale.Client) {
	file := client.PolicyFile()
	text := "// who\n{\"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}],}\n"
	expect(at("policy: validate"), true, nil, file.Validate(ctx, text))
	at("policy: validate a wrong one")
	err := file.Validate(ctx, "{\"acl\": []}")
	expect(recorded.step, err != nil && strings.HasPrefix(err.Error(), "ACL validation failed"), err, nil)
	expect(at("policy: set where the default is in force"), true, nil, file.Set(ctx, text, "ts-default"))
	at("policy: get as written")
	raw, err := file.Raw(ctx)
	expect(recorded.step, err == nil && raw.HuJSON == text && strings.HasPrefix(raw.ETag, "\""), raw, err)
	recorded.names[strings.Trim(raw.ETag, "\"")] = "etag"
	refused(at("policy: set where it no longer is"), file.Set(ctx, "{}", "ts-default"), 412)
	at("policy: get as JSON")
	got, err := file.Get(ctx)
	expect(recorded.step, err == nil && len(got.ACLs) == 1 && got.ETag == raw.ETag, got, err)
	acl := tailscale.ACL{
		ACLs:                 []tailscale.ACLEntry{{Action: "accept", Source: []string{"*"}, Destination: []string{"*:443"}, SourcePosture: []string{"posture:healthy"}}},
		Postures:             map[string][]string{"posture:healthy": {"sentinelOne:infected == false"}},
		DefaultSourcePosture: []string{"posture:healthy"},
		Groups:               map[string][]string{"group:a": {"anna@example.com"}},
		Hosts:                map[string]string{"wiki": "10.0.0.5"},
		AutoApprovers:        &tailscale.ACLAutoApprovers{ExitNode: []string{"group:a"}},
		NodeAttrs:            []tailscale.NodeAttrGrant{{Target: []string{"*"}, Attr: []string{"funnel"}}},
		OneCGNATRoute:        "mac-always", RandomizeClientPort: true, DisableIPv4: true,
		IPSets:     map[string][]string{"ipset:a": {"10.0.0.0/8"}},
		AttrConfig: map[string]tailscale.ACLAttrConfig{"custom:tier": {Type: "string"}},
	}
	expect(at("policy: validate a struct"), true, nil, file.Validate(ctx, acl))
	at("policy: set a struct and get it")
	set, err := file.SetAndGet(ctx, acl, raw.ETag)
	expect(recorded.step, err == nil && len(set.ACLs) == 1 && set.ACLs[0].SourcePosture[0] == "posture:healthy" &&
		set.ETag != "" && set.ETag != raw.ETag, set, err)
	refused(at("policy: set over a change of somebody else"), file.Set(ctx, "{}", raw.ETag), 412)
	at("policy: set one that fails its tests")
	err = file.Set(ctx, "{\"tests\": [{\"src\": \"anna@example.com\", \"accept\": [\"10.0.0.5:80\"]}]}", "")
	refused(recorded.step, err, 400)
	data := tailscale.ErrorData(err)
	expect(recorded.step, len(data) == 1 && data[0].User == "anna@example.com" && len(data[0].Errors) == 1, data, nil)
	legacy := tailscale.ACL{ACLs: []tailscale.ACLEntry{{Action: "accept", Users: []string{"*"}, Ports: []string{"*:*"}}}}
	expect(at("policy: set the old words"), true, nil, file.Set(ctx, legacy, ""))
	expect(at("policy: reset"), true, nil, file.Set(ctx, "", ""))
}

func webhooks(client *tailscale.Client) {
	hooks := client.Webhooks()
	at("webhooks: create")
	made, err := hooks.Create(ctx, tailscale.CreateWebhookRequest{
		EndpointURL: "https://hooks.example.com/posture", Subscriptions: []tailscale.WebhookSubscriptionType{"integration.paused"},
	})
	if err != nil {
		expect(recorded.step, false, nil, err)
		return
	}
	recorded.names[made.EndpointID] = "webhook"
	expect(recorded.step, made.EndpointID != "" && made.Secret != nil && !made.Created.IsZero() && !made.LastModified.IsZero(), made, err)
	at("webhooks: get")
	got, err := hooks.Get(ctx, made.EndpointID)
	expect(recorded.step, err == nil && got.EndpointURL == made.EndpointURL && got.Secret == nil, got, err)
	at("webhooks: list")
	all, err := hooks.List(ctx)
	expect(recorded.step, len(all) == 1, all, err)
	at("webhooks: update")
	changed, err := hooks.Update(ctx, made.EndpointID, []tailscale.WebhookSubscriptionType{"integration.held"})
	expect(recorded.step, err == nil && changed.Subscriptions[0] == "integration.held" && changed.Secret == nil, changed, err)
	at("webhooks: rotate the secret")
	rotated, err := hooks.RotateSecret(ctx, made.EndpointID)
	expect(recorded.step, err == nil && rotated.Secret != nil && *rotated.Secret != *made.Secret, rotated, err)
	expect(at("webhooks: test"), true, nil, hooks.Test(ctx, made.EndpointID))
	expect(at("webhooks: delete"), true, nil, hooks.Delete(ctx, made.EndpointID))
	at("webhooks: get what is gone")
	_, err = hooks.Get(ctx, made.EndpointID)
	refused(recorded.step, err, 404)
}
