# Reports which device this is to posture-sync: host name, operating system and serial numbers of Windows, with PowerShell 5.1 or
# newer. To be run once a day as SYSTEM; README.md beside this file says how. The key is in a file, never in an argument.
#
#   reporter.ps1 -Url https://posture.example.com -KeyFile C:\ProgramData\posture-sync-reporter\key.txt
#     -StateFile FILE  where the reporter keeps its secret; made at the first run
#     -DryRun          prints what would be reported, and sends nothing
#
# In this file are no characters but ASCII: PowerShell 5.1 would read others in the code page of the system.
[CmdletBinding()]
param(
  [string]$Url,
  [string]$KeyFile,
  [string]$StateFile = (Join-Path $env:ProgramData 'posture-sync-reporter\state.txt'),
  [switch]$DryRun
)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

function Stop-Reporter([string]$Message) {
  [Console]::Error.WriteLine("reporter.ps1: $Message")
  exit 1
}

# The groups that everybody is in: Everyone, Authenticated Users, Users, Guests. Their names differ by language, their ids do not.
$everybody = @('S-1-1-0', 'S-1-5-11', 'S-1-5-32-545', 'S-1-5-32-546')

function Assert-Private([string]$Path) {
  $rules = (Get-Acl -LiteralPath $Path).GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])
  foreach ($rule in $rules) {
    if ($rule.AccessControlType -eq 'Allow' -and $everybody -contains $rule.IdentityReference.Value) {
      Stop-Reporter "$Path is open to all users. Close it: icacls `"$Path`" /inheritance:r /grant *S-1-5-18:F *S-1-5-32-544:F"
    }
  }
}

function New-PrivateFile([string]$Path, [string[]]$Lines) {
  $folder = Split-Path -Parent $Path
  if (-not (Test-Path -LiteralPath $folder)) { [void](New-Item -ItemType Directory -Path $folder) }
  $new = "$Path.new"
  # Closed while it is empty: SYSTEM and Administrators alone.
  [System.IO.File]::WriteAllText($new, '')
  $acl = New-Object System.Security.AccessControl.FileSecurity
  $acl.SetAccessRuleProtection($true, $false)
  foreach ($sid in @('S-1-5-18', 'S-1-5-32-544')) {
    $who = New-Object System.Security.Principal.SecurityIdentifier($sid)
    $acl.AddAccessRule((New-Object System.Security.AccessControl.FileSystemAccessRule($who, 'FullControl', 'Allow')))
  }
  Set-Acl -LiteralPath $new -AclObject $acl
  [System.IO.File]::WriteAllLines($new, $Lines)
  Move-Item -LiteralPath $new -Destination $Path -Force
}

function New-Secret {
  $bytes = New-Object byte[] 24
  $random = [System.Security.Cryptography.RandomNumberGenerator]::Create()
  $random.GetBytes($bytes)
  return -join ($bytes | ForEach-Object { $_.ToString('x2') })
}

# --- What this machine is.

$found = @(
  (Get-CimInstance -ClassName Win32_BIOS).SerialNumber
  (Get-CimInstance -ClassName Win32_BaseBoard | Select-Object -First 1).SerialNumber
  (Get-CimInstance -ClassName Win32_SystemEnclosure | Select-Object -First 1).SerialNumber
)
$serials = @($found | Where-Object { $_ } | ForEach-Object { $_.Trim() } | Where-Object { $_ } | Select-Object -Unique)
$hardware = [string](Get-CimInstance -ClassName Win32_ComputerSystemProduct).UUID
$facts = @{ hostname = $env:COMPUTERNAME; os = 'windows'; serialNumbers = $serials }

if ($DryRun) {
  $facts | ConvertTo-Json -Compress
  exit 0
}

# --- Where to, and with which key.

$address = $null
if (-not [Uri]::TryCreate($Url, [UriKind]::Absolute, [ref]$address)) {
  Stop-Reporter '-Url is needed, as in -Url https://posture.example.com'
}
if ($address.UserInfo) { Stop-Reporter 'the URL must not hold a user name or password' }
if ($address.Scheme -ne 'https' -and -not ($address.Scheme -eq 'http' -and $address.IsLoopback)) {
  Stop-Reporter 'the URL must begin with https://; http is for this machine alone'
}
if (-not $KeyFile -or -not (Test-Path -LiteralPath $KeyFile)) { Stop-Reporter '-KeyFile is needed, and must be there' }
Assert-Private $KeyFile
$key = [System.IO.File]::ReadAllText($KeyFile).Trim()
if ($key -notmatch '^[\x21-\x7e]+$') { Stop-Reporter "the key file $KeyFile does not hold a key" }

# --- The reporter's secret, which makes this device its own. A copied disk in another machine gets another one.

$secret = $null
if (Test-Path -LiteralPath $StateFile) {
  Assert-Private $StateFile
  $state = @([System.IO.File]::ReadAllLines($StateFile))
  if ($state.Count -ge 2 -and $state[0] -eq $hardware) { $secret = $state[1] }
}
if (-not $secret) {
  $secret = New-Secret
  # Kept before it is used: an answer that gets lost must not make a second device of this one.
  New-PrivateFile $StateFile @($hardware, $secret)
}

# --- The report.

[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
$facts['reporterSecret'] = $secret
$request = @{
  Uri                = $address.AbsoluteUri.TrimEnd('/') + '/api/v2/tailnet/-/devices/report'
  Method             = 'Post'
  Headers            = @{ Authorization = "Bearer $key" }
  ContentType        = 'application/json'
  Body               = [System.Text.Encoding]::UTF8.GetBytes(($facts | ConvertTo-Json -Compress))
  TimeoutSec         = 30
  MaximumRedirection = 0
  UseBasicParsing    = $true
}
for ($attempt = 1; ; $attempt++) {
  try {
    $answer = Invoke-WebRequest @request
    break
  } catch {
    $status = 0
    $response = $_.Exception | Select-Object -ExpandProperty Response -ErrorAction SilentlyContinue
    if ($response) { $status = [int]$response.StatusCode }
    # 429 is not tried again at once: the next day's report does.
    if ($attempt -ge 4 -or ($status -ne 0 -and $status -lt 500)) {
      $told = if ($_.ErrorDetails) { $_.ErrorDetails.Message } else { $_.Exception.Message }
      Stop-Reporter "refused with status ${status}: $told"
    }
    Start-Sleep -Seconds ([Math]::Pow(2, $attempt) * 5)
  }
}
if ([int]$answer.StatusCode -ne 200) { Stop-Reporter "answered with status $($answer.StatusCode), which is no report" }
$answer.Content
