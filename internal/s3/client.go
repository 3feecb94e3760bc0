package s3

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// amazon is the endpoint where the environment names no other.
const amazon = "https://s3.amazonaws.com"

// Client returns a client whose requests go through transport, each tried so many times by the client itself, as the
// environment says:
//
//	AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL  the store, at a host without a path; Amazon's
//	AWS_REGION, AWS_DEFAULT_REGION         the bucket's region; else Amazon is asked for it, of other stores it is us-east-1
//	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//	AWS_PROFILE, AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE
//	AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_CONTAINER_CREDENTIALS_…
//	AWS_EC2_METADATA_DISABLED              true: the machine's own role is not asked for
//
// Credentials are taken from the first of these that has some, and looked for when they are needed; where there are none,
// requests are not signed. Errors are ranges.ErrAddress for an endpoint that is none.
func Client(transport http.RoundTripper, tries int) (*minio.Client, error) {
	name := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), amazon)
	endpoint, err := url.Parse(name)
	if err != nil || endpoint.Scheme != "https" && endpoint.Scheme != "http" || endpoint.Host == "" || endpoint.User != nil ||
		strings.Trim(endpoint.Path, "/") != "" || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return nil, fmt.Errorf("AWS_ENDPOINT_URL: %w; write https://host", ranges.ErrAddress)
	}
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if region == "" && name != amazon {
		region = "us-east-1"
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewChainCredentials(providers()), Secure: endpoint.Scheme == "https", Region: region,
		Transport: transport, MaxRetries: tries,
	})
	if err != nil {
		return nil, fmt.Errorf("AWS_ENDPOINT_URL: %w: %w", ranges.ErrAddress, err)
	}
	client.SetAppInfo("helix-substrate", "1")
	return client, nil
}

// providers are where credentials are looked for, in this order.
func providers() []credentials.Provider {
	list := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	named := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" ||
		os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != ""
	if !named && (strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") || !amazonEndpoint()) {
		return list
	}
	return append(list, &credentials.IAM{Client: &http.Client{
		Timeout: 5 * time.Second, // an answer comes from the same machine or network
		Transport: &http.Transport{
			DialContext:     (&net.Dialer{Timeout: time.Second}).DialContext, // most machines have no such address
			IdleConnTimeout: time.Second, TLSHandshakeTimeout: 3 * time.Second, Proxy: http.ProxyFromEnvironment,
		},
	}})
}

// amazonEndpoint tells that the environment names no other store. The role of one of Amazon's machines is no use at those.
func amazonEndpoint() bool {
	return os.Getenv("AWS_ENDPOINT_URL_S3") == "" && os.Getenv("AWS_ENDPOINT_URL") == ""
}
