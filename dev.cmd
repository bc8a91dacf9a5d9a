@echo off
rem ./dev is a bash script. Git for Windows brings a bash; besides it, Windows needs Rust (https://rustup.rs), Node
rem (https://nodejs.org), the MSVC build tools (Visual Studio Installer, "Desktop development with C++") and WebView2,
rem which is a part of Windows 11.
where bash >nul 2>nul
if errorlevel 1 (
  echo dev: bash is missing. Install Git for Windows from https://git-scm.com, open a new terminal, and try again. 1>&2
  exit /b 1
)
bash "%~dp0dev" %*
